"""Builds into URLs: equal bytes, resumed after any death, and nothing kept on the machine that makes them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from physics_data.core import remote
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, StorageError
from physics_data.core.remote import copy_folder, files_of, listed_files, read_whole
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.check import check_dataset
from physics_data.pipeline.statistics import dataset_statistics

PLAIN = {
    "seed": 5,
    "scenarios": ["free_drop"],
    "engines": ["mujoco"],
    "scenes_per_scenario": {"train": 5, "val": 0, "test": 1},
    "clips_per_shard": 2,
    "settings": {"width": 32, "height": 32},
}
CONFIG = BuildConfig.model_validate(PLAIN)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local") / "data"
    build(CONFIG, folder)
    return folder


def url_in(tmp_path: Path, protocol: str) -> Path:
    return Path(f"memory://{tmp_path.name}/data" if protocol == "memory" else f"file://{tmp_path}/data")


def assert_equal(url: Path, local: Path) -> None:
    names = files_of(local)
    assert files_of(url).keys() == names.keys()
    for name in names:
        if name != "dataset.yaml":  # holds the command and the hardware
            assert read_whole(url / name) == (local / name).read_bytes(), name


def left_in(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("protocol", "workers"), [("memory", 1), ("file", 2)])
def test_a_build_into_a_url_has_the_bytes_of_a_local_one(local: Path, tmp_path: Path, protocol: str, workers: int):
    url = url_in(tmp_path, protocol)
    ticks: list[int] = []
    assert build(CONFIG, url, workers=workers, on_clips=ticks.append).clips == sum(ticks) == 6
    assert_equal(url, local)
    assert not left_in(tmp_path)
    assert ShardDataset(url).digest == ShardDataset(local).digest
    assert dataset_statistics(ShardDataset(url)) == dataset_statistics(ShardDataset(local))
    assert build(CONFIG, url).reused == 6
    copy_folder(url, tmp_path / "back", lambda name, size: None)
    assert not check_dataset(ShardDataset(tmp_path / "back")).findings


def test_a_shard_is_never_announced_before_it_is_there_and_an_upload_that_fails_is_made_again(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    url = url_in(tmp_path, "memory")
    copy, sent = remote._copy_file, []

    def breaks(source, target):
        sent.append(Path(str(target)).name)
        if sent[-1] == "train-00001.json":
            raise OSError("the connection was reset")
        copy(source, target)

    monkeypatch.setattr(remote, "_copy_file", breaks)
    with pytest.raises(StorageError, match=r"train-00001\.json: the connection was reset\. The same command resumes"):
        build(CONFIG, url)
    assert sent.index("train-00000.tar") < sent.index("train-00000.json")
    assert "shards/train-00001.tar" in listed_files(url) and "index.parquet" not in listed_files(url)
    assert not left_in(tmp_path)
    with pytest.raises(DataError, match="unfinished"):
        ShardDataset(url)
    monkeypatch.setattr(remote, "_copy_file", copy)
    assert build(CONFIG, url).reused == 2
    assert_equal(url, local)


def test_what_arrives_with_another_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remote, "size_of", lambda path: 7)
    with pytest.raises(StorageError, match="arrived with 7 of"), remote.staged(url_in(tmp_path, "memory")) as folder:
        (folder / "x.tar").write_bytes(b"12345")


KILLED = """
import os, signal, sys
from pathlib import Path
from physics_data.core import remote
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig

copy = remote._copy_file

def dies(source, target):
    if str(target).endswith("train-00001.json"):
        os.kill(os.getpid(), signal.SIGKILL)
    copy(source, target)

remote._copy_file = dies
build(BuildConfig.model_validate({plain}), Path(sys.argv[1]))
"""


def test_a_kill_between_shard_and_manifest_loses_that_shard_and_its_scratch_is_removed(local: Path, tmp_path: Path):
    url = url_in(tmp_path, "file")
    done = subprocess.run([sys.executable, "-c", KILLED.format(plain=PLAIN), str(url)], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    there = listed_files(url)
    assert {"dataset.yaml", "shards/train-00000.json", "shards/train-00001.tar"} <= there.keys()
    assert left_in(tmp_path)  # of the killed process, until the next one on this machine
    assert build(CONFIG, url).reused == 2
    assert not left_in(tmp_path)
    assert_equal(url, local)


def test_another_config_and_other_files_are_refused_and_fresh_starts_over(tmp_path: Path):
    url = url_in(tmp_path, "memory")
    build(CONFIG, url)
    other = BuildConfig.model_validate({**PLAIN, "seed": 6})
    with pytest.raises(DataError, match="made another way"):
        build(other, url)
    assert build(other, url, fresh=True).reused == 0
    assert len(ShardDataset(url)) == 6
    occupied = Path(f"memory://{tmp_path.name}/other")
    with remote.staged(occupied) as folder:
        (folder / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty and holds no dataset"):
        build(CONFIG, occupied)
    with pytest.raises(DataError, match="is not empty and holds no dataset"):
        build(CONFIG, occupied, fresh=True)
    assert list(listed_files(occupied)) == ["notes.txt"]


def test_a_build_into_an_s3_server(s3: str, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url = Path(f"{s3}/built")
    copy = remote._copy_file

    def breaks(source, target):
        if str(target).endswith("train-00001.json"):
            raise OSError("the connection was reset")
        copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(remote, "_copy_file", breaks)
        with pytest.raises(StorageError, match="the connection was reset"):
            build(CONFIG, url)
    assert build(CONFIG, url, workers=2).reused == 2
    assert_equal(url, local)
    assert ShardDataset(url).digest == ShardDataset(local).digest
    assert not left_in(tmp_path)
    other = BuildConfig.model_validate({**PLAIN, "seed": 6})
    assert build(other, url, fresh=True).clips == 6
    with pytest.raises(StorageError, match="bucket"):
        build(CONFIG, Path("s3://no-such-bucket/x"))
