"""What is exported is read back by other libraries, and is what was there."""

import io
import json

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from physics_data.cli import app
from physics_data.core.errors import DataError, UnknownNameError
from physics_data.core.video import read_video
from physics_data.pipeline.export import EXPORTERS, export_dataset


@pytest.fixture(scope="module")
def exported(small_dataset, tmp_path_factory):
    """Return a function form -> folder; each form is written once."""
    folder = tmp_path_factory.mktemp("exported")

    def write(to):
        out = folder / to
        if not out.exists():
            result = CliRunner().invoke(app, ["export", str(small_dataset), "--to", to, "--out", str(out)])
            assert result.exit_code == 0, result.exception
        return out

    return write


def test_webdataset_reads_mp4_npz_and_json(exported, small):
    webdataset = pytest.importorskip("webdataset")
    shards = [str(path) for path in sorted(exported("webdataset").glob("*.tar"))]
    samples = {s["__key__"]: s for s in webdataset.WebDataset(shards, shardshuffle=False)}
    assert set(samples) == {row.key for row in small.rows}
    clip = small.load(0)
    sample = samples[clip.meta.key]
    assert json.loads(sample["json"])["caption_long"] == clip.meta.captions.long
    assert json.loads(sample["meta"])["meta"] == clip.meta.model_dump(mode="json", by_alias=True), (
        "the record of a shard"
    )
    kinds = {tuple((name, type(value)) for name, value in json.loads(s["json"]).items()) for s in samples.values()}
    assert len(kinds) == 1, "tables take the fields of all clips from the first few"
    assert len({tuple(np.load(io.BytesIO(s["npz"])).files) for s in samples.values()}) == 1
    with av.open(io.BytesIO(sample["mp4"])) as video:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])
    assert np.abs(frames.astype(int) - clip.rgb).mean() < 3.0, "H.264 at crf 13"
    arrays = np.load(io.BytesIO(sample["npz"]), allow_pickle=False)
    np.testing.assert_array_equal(arrays["instance_ids"], clip.rendering.instance_ids)
    np.testing.assert_array_equal(arrays["optical_flow"], clip.rendering.optical_flow)
    np.testing.assert_array_equal(arrays["linear_velocity"], clip.trajectory.linear_velocity)
    assert {"visible_boxes", "box_3d_center", "camera_intrinsics", "point_pixel", "body_kinetic_energy"} <= set(arrays)


def test_lerobot_tables_point_into_the_videos(exported, small):
    out = exported("lerobot")
    info = json.loads((out / "meta/info.json").read_text())
    assert (info["codebase_version"], info["total_episodes"], info["fps"]) == ("v3.0", len(small), 16)
    assert info["total_frames"] == 17 * len(small)
    episodes = pq.read_table(out / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    tasks = {row["task_index"]: row["task"] for row in pq.read_table(out / "meta/tasks.parquet").to_pylist()}
    assert [info["splits"][split] for split in ("train", "val", "test")] == ["0:6", "6:8", "8:10"]
    for episode in (episodes[0], episodes[5], episodes[-1]):
        clip = small.load(small.find(episode["key"]))
        key = "observation.images.camera"
        place = {"chunk_index": episode["data/chunk_index"], "file_index": episode["data/file_index"]}
        rows = pq.read_table(out / info["data_path"].format(**place)).to_pylist()
        rows = [row for row in rows if row["episode_index"] == episode["episode_index"]]
        assert [row["index"] for row in rows] == list(range(episode["dataset_from_index"], episode["dataset_to_index"]))
        assert tasks[rows[0]["task_index"]] == clip.meta.caption
        state = np.array([row["observation.state"] for row in rows], dtype=np.float32).reshape(17, -1, 13)
        bodies = len(episode["bodies"])
        np.testing.assert_array_equal(state[:, :bodies, :3], clip.trajectory.position.astype(np.float32))
        assert (state[:, bodies:] == 0).all(), "LeRobot knows no absent numbers"
        present = np.array([row["body_present"] for row in rows])
        assert (present[:, :bodies] == 1).all() and (present[:, bodies:] == 0).all()
        action = np.array([row["action"] for row in rows], dtype=np.float32).reshape(17, -1, 13)
        np.testing.assert_array_equal(action[:-1], state[1:])
        video = read_video(out / info["video_path"].format(video_key=key, **place))
        start = round(episode[f"videos/{key}/from_timestamp"] * 16)
        shown = video.rgb[start : start + 17].astype(int)
        assert np.abs(shown - clip.rgb).mean() < 6.0, "H.264 with half the colour resolution"
    assert info["features"]["observation.state"]["shape"] == [3 * 13]
    stats = json.loads((out / "meta/stats.json").read_text())
    assert set(stats) == set(info["features"]), "every feature has statistics"
    pixels = np.concatenate([small.load(p).rgb for p in range(len(small))]).reshape(-1, 3) / 255.0
    for name, expected in (
        ("min", pixels.min(0)),
        ("max", pixels.max(0)),
        ("mean", pixels.mean(0)),
        ("std", pixels.std(0)),
    ):
        found = np.array(stats["observation.images.camera"][name])
        assert found.shape == (3, 1, 1)
        np.testing.assert_allclose(found[:, 0, 0], expected, atol=1e-9)
    for name, feature in info["features"].items():
        if name != "observation.images.camera":
            assert all(np.isfinite(values).all() for values in stats[name].values()), name
            assert len(stats[name]["mean"]) == feature["shape"][0]


def test_lerobot_itself_reads_and_normalises(exported, small):
    """The real library, where it is installed: captions as tasks, frames, one normalised batch."""
    datasets = pytest.importorskip("lerobot.datasets.lerobot_dataset")
    torch = pytest.importorskip("torch")
    dataset = datasets.LeRobotDataset("worldsim/small", root=exported("lerobot"), video_backend="pyav")
    assert len(dataset) == 17 * len(small)
    assert dataset[0]["task"] == small.load(0).meta.caption
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=4)))
    for name in ("observation.state", "observation.images.camera"):
        mean, std = (torch.as_tensor(dataset.meta.stats[name][key]) for key in ("mean", "std"))
        assert torch.isfinite((batch[name] - mean) / (std + 1e-8)).all()


def test_frames_are_pictures_beside_arrays(exported, small):
    clip = small.load(2)
    folder = exported("frames") / clip.meta.key
    pictures = sorted((folder / "rgb").glob("*.png"))
    assert len(pictures) == 17
    np.testing.assert_array_equal(np.asarray(Image.open(pictures[3])), clip.rgb[3])
    np.testing.assert_array_equal(
        np.asarray(Image.open(folder / "instance_ids" / "00003.png")), clip.rendering.instance_ids[3]
    )
    arrays = np.load(folder / "labels.npz", allow_pickle=False)
    np.testing.assert_array_equal(arrays["depth_map"], clip.rendering.depth_map)
    assert json.loads((folder / "clip.json").read_text())["meta"]["key"] == clip.meta.key


def test_tasks_are_four_files(exported, small):
    folder = exported("vbvr") / small.rows[0].key
    names = {"first_frame.png", "final_frame.png", "prompt.txt", "ground_truth.mp4"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "prompt.txt").read_text().strip() == small.rows[0].caption
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "final_frame.png")), small.load(0).rgb[-1])


def test_one_split_alone(small, tmp_path):
    assert export_dataset(small, tmp_path / "out", "frames", split="val") == 2
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_mistakes_are_named(small, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'webdataset'"):
        export_dataset(small, tmp_path / "out", "web_dataset")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    for to in EXPORTERS:
        with pytest.raises(DataError, match="is there already"):
            export_dataset(small, tmp_path / "full", to)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"
    with pytest.raises(DataError, match="no clip of split 'ood'"):
        export_dataset(small, tmp_path / "out", "frames", split="ood")
