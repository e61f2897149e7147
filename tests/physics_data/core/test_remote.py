"""Datasets behind URLs: read clip by clip, copied either way, and never taken for a local folder."""

from pathlib import Path

import fsspec
import numpy as np
import pytest
from typer.testing import CliRunner

from physics_data.cli import app
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, StorageError
from physics_data.core.remote import copy_folder, files_of, read_range
from physics_data.core.urls import is_remote, url_of
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig


def quiet(name: str, size: int) -> None:
    """Take no notice of a copied file."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remote") / "data"
    config = BuildConfig.model_validate(
        {
            "seed": 1,
            "scenarios": ["uniform_motion"],
            "scenes_per_scenario": {"train": 3, "val": 1, "test": 0},
            "engines": ["mujoco"],
            "clips_per_shard": 2,
            "settings": {"num_frames": 17, "frame_rate": 12, "width": 32, "height": 32},
        }
    )
    build(config, folder)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_of(folder)}


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("s3://bucket/x", "s3://bucket/x"),
        (str(Path("s3://bucket/x/y")), "s3://bucket/x/y"),
        (str(Path("file:///tmp/x")), "file:///tmp/x"),
        ("https://host/a?b=c", "https://host/a?b=c"),
    ],
)
def test_a_path_is_the_url_that_it_was_made_from(path: str, url: str):
    assert is_remote(path) and url_of(path) == url


@pytest.mark.parametrize("path", ["runs/x", "/tmp/x", "builtin:world", "package.module:function", "c:/x", "a:b/c"])
def test_local_paths_and_names_are_no_urls(path: str):
    assert not is_remote(path)
    assert not is_remote(Path(path))


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_a_dataset_goes_there_and_back_byte_for_byte(dataset: Path, tmp_path: Path, protocol: str):
    url = f"memory://{tmp_path.name}/data" if protocol == "memory" else f"file://{tmp_path}/data"
    files = contents(dataset)
    assert copy_folder(dataset, url, quiet) == (len(files), 0)
    assert copy_folder(dataset, url, quiet) == (1, len(files) - 1)  # the index alone is copied again
    back = tmp_path / "back"
    copy_folder(Path(url), back, quiet)
    assert contents(back) == files


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_clips_are_read_through_the_url(dataset: Path, tmp_path: Path, protocol: str):
    url = f"memory://{tmp_path.name}/read" if protocol == "memory" else f"file://{tmp_path}/read"
    copy_folder(dataset, url, quiet)
    here, there = ShardDataset(dataset), ShardDataset(Path(url))
    assert there.digest == here.digest
    for position in range(len(here)):
        assert there.load_meta(position) == here.load_meta(position)
        np.testing.assert_array_equal(there.load(position).rgb, here.load(position).rgb)


def test_the_index_comes_last_and_an_unfinished_copy_does_not_open(dataset: Path, tmp_path: Path):
    class StoppedError(Exception):
        pass

    def stop(name: str, size: int) -> None:
        if name.endswith("dataset.yaml"):
            raise StoppedError

    url = f"memory://{tmp_path.name}/part"
    with pytest.raises(StoppedError):
        copy_folder(dataset, url, stop)
    with pytest.raises(DataError, match=r"unfinished"):
        ShardDataset(Path(url))
    copied, there = copy_folder(dataset, url, quiet)
    assert there > 0 and copied + there == len(files_of(dataset))
    assert len(ShardDataset(Path(url))) == len(ShardDataset(dataset))


def test_a_changed_remote_index_is_fetched_again(dataset: Path, tmp_path: Path):
    url = f"file://{tmp_path}/changed"
    copy_folder(dataset, url, quiet)
    before = ShardDataset(Path(url)).digest
    other = tmp_path / "other"
    config = BuildConfig.model_validate(
        {
            "seed": 2,
            "scenarios": ["uniform_motion"],
            "scenes_per_scenario": {"train": 1, "val": 0, "test": 0},
            "engines": ["mujoco"],
            "settings": {"num_frames": 17, "frame_rate": 12, "width": 32, "height": 32},
        }
    )
    build(config, other)
    copy_folder(other, url, quiet)
    assert ShardDataset(Path(url)).digest == ShardDataset(other).digest != before


def test_a_damaged_shard_behind_a_url_is_found(dataset: Path, tmp_path: Path):
    copy_folder(dataset, f"file://{tmp_path}/damaged", quiet)
    shard = next((tmp_path / "damaged" / "shards").glob("*.tar"))
    data = bytearray(shard.read_bytes())
    data[2000] ^= 1
    shard.write_bytes(bytes(data))
    opened = ShardDataset(Path(f"file://{tmp_path}/damaged"))
    with pytest.raises(DataError, match="differs from its checksum"):
        for position in range(len(opened)):
            opened.load(position)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory://nothing/here", "is not a dataset"),
        ("nosuch://bucket/x", "no protocol that fsspec knows"),
        ("file:///nowhere/at/all", "is not a dataset"),
    ],
)
def test_a_url_without_a_dataset_is_one_sentence(url: str, words: str):
    with pytest.raises((DataError, StorageError), match=words):
        ShardDataset(Path(url))


def test_commands_that_write_folders_refuse_urls_and_make_none(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(app, ["export", str(dataset), "--to", "frames", "--out", "s3://bucket/x"])
    assert isinstance(found.exception, StorageError) and "worldsim-data copy" in str(found.exception)
    assert not list(tmp_path.glob("s3*"))


def test_check_asks_for_a_copy(dataset: Path, tmp_path: Path):
    from physics_data.pipeline.check import check_dataset

    copy_folder(dataset, f"file://{tmp_path}/data", quiet)
    with pytest.raises(StorageError, match="worldsim-data copy"):
        check_dataset(ShardDataset(Path(f"file://{tmp_path}/data")))


def test_the_command_copies(dataset: Path, tmp_path: Path):
    found = CliRunner().invoke(app, ["copy", str(dataset), f"file://{tmp_path}/by_command"])
    assert found.exit_code == 0, found.output
    assert contents(tmp_path / "by_command") == contents(dataset)


def test_a_range_of_a_memory_file():
    with fsspec.filesystem("memory").open("/range/x.bin", "wb") as file:
        file.write(bytes(range(100)))
    assert read_range("memory://range/x.bin", 10, 5) == bytes(range(10, 15))


def test_workers_read_through_the_url(dataset: Path, tmp_path: Path):
    from torch.utils.data import DataLoader

    import worldsim as ws

    copy_folder(dataset, f"file://{tmp_path}/loader", quiet)
    local = ws.ClipDataset(dataset)
    remote = ws.ClipDataset(f"file://{tmp_path}/loader")
    assert len(local) == len(remote)
    batches = zip(DataLoader(local, batch_size=None), DataLoader(remote, batch_size=None, num_workers=2), strict=True)
    for here, there in batches:
        np.testing.assert_array_equal(here["video"], there["video"])


def test_a_dataset_on_an_s3_server_is_copied_read_and_resumed(s3: str, dataset: Path, tmp_path: Path):
    from torch.utils.data import DataLoader

    import worldsim as ws

    files = contents(dataset)
    copy_folder(dataset, f"{s3}/data", quiet)
    assert copy_folder(dataset, f"{s3}/data", quiet) == (1, len(files) - 1)
    there, here = ShardDataset(Path(f"{s3}/data")), ShardDataset(dataset)
    assert there.digest == here.digest
    for position in range(len(here)):
        np.testing.assert_array_equal(there.load(position).rgb, here.load(position).rgb)
        assert there.load_meta(position) == here.load_meta(position)
    loader = DataLoader(ws.ClipDataset(f"{s3}/data"), batch_size=None, num_workers=2)  # forked from one that has read
    for local, remote in zip(DataLoader(ws.ClipDataset(dataset), batch_size=None), loader, strict=True):
        np.testing.assert_array_equal(local["video"], remote["video"])
    copy_folder(f"{s3}/data", tmp_path / "back", quiet)
    assert contents(tmp_path / "back") == files
    with pytest.raises(DataError, match="is not a dataset"):
        ShardDataset(Path(f"{s3}/nothing"))
