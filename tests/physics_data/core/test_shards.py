import dataclasses
import json

import numpy as np
import pytest

from physics_data.core.array_codec import pack_depth, pack_flow, unpack_depth, unpack_flow
from physics_data.core.clip import Clip, ClipMeta, Rendering
from physics_data.core.clip_index import write_index
from physics_data.core.conventions import DATASET_FORMAT
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, UnknownNameError
from physics_data.core.shards import decode_clip, encode_clip, write_shard


@pytest.fixture
def clip(falling_ball, closed_form_fall) -> Clip:
    rng = np.random.default_rng(0)
    shape = (falling_ball.num_frames, falling_ball.height, falling_ball.width)
    depth_map = rng.uniform(2, 300, shape).astype(np.float32)
    depth_map[:, :10] = np.inf
    rendering = Rendering(
        rgb=rng.integers(0, 256, (*shape, 3), dtype=np.uint8),
        instance_ids=rng.integers(0, 3, shape, dtype=np.uint8),
        depth_map=depth_map,
        amodal_masks=rng.random((shape[0], 2, *shape[1:])) < 0.3,
    )
    meta = ClipMeta(
        key="free_drop-mujoco-0000003",
        source="physics",
        split="train",
        caption="a red ball falls onto the floor",
        frame_rate=falling_ball.frame_rate,
        num_frames=shape[0],
        height=shape[1],
        width=shape[2],
        spec=falling_ball,
        engine="mujoco",
    )
    return Clip(meta, rendering.rgb, rendering, closed_form_fall)


@pytest.fixture
def dataset(tmp_path, clip):
    second = dataclasses.replace(clip, meta=clip.meta.model_copy(update={"key": "other-0", "split": "test"}))
    rows = write_shard(tmp_path / "shards" / "train-00000.tar", [clip, second])
    (tmp_path / "dataset.yaml").write_text(f"format: {DATASET_FORMAT}\n")
    write_index(tmp_path, rows)
    return tmp_path


def assert_equal(first: Clip, second: Clip) -> None:
    assert first.meta == second.meta
    np.testing.assert_array_equal(first.rgb, second.rgb)
    for name in ("instance_ids", "amodal_masks"):
        np.testing.assert_array_equal(getattr(first.rendering, name), getattr(second.rendering, name))
    np.testing.assert_allclose(first.rendering.depth_map, second.rendering.depth_map, rtol=1e-4)
    for name, array in first.trajectory.to_arrays().items():
        np.testing.assert_array_equal(array, second.trajectory.to_arrays()[name])


def test_clip_round_trip(clip):
    assert_equal(clip, decode_clip(encode_clip(clip)))


def test_depth_error_is_within_the_stated_bound():
    depth_map = np.geomspace(0.1, 1000, 10_000).astype(np.float32)[None, None]
    again = unpack_depth(*pack_depth(depth_map))
    assert np.abs(again / depth_map - 1).max() < 7.2e-5
    with pytest.raises(DataError, match="positive or"):
        pack_depth(np.zeros((1, 1, 1), np.float32))


def test_equal_clips_give_equal_bytes(tmp_path, clip):
    for name in ("a", "b"):
        write_shard(tmp_path / f"{name}.tar", [clip, clip])
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_datasets_of_the_former_version_are_read(dataset, clip, tmp_path):
    former = dataclasses.replace(clip, meta=clip.meta.model_copy(update={"format": "worldsim.clip/2"}))
    rows = write_shard(tmp_path / "shards" / "train-00000.tar", [former])
    (tmp_path / "dataset.yaml").write_text("format: worldsim.dataset/1\n")
    write_index(tmp_path, rows)
    assert_equal(ShardDataset(tmp_path).load(0), former)
    (tmp_path / "dataset.yaml").write_text("format: worldsim.dataset/99\n")
    with pytest.raises(DataError, match=r"this version reads 'worldsim.dataset/1' and 'worldsim.dataset/2'"):
        ShardDataset(tmp_path)


def test_random_access(dataset, clip):
    opened = ShardDataset(dataset)
    assert_equal(opened.load(0), clip)
    assert opened.load(opened.find("other-0")).meta.key == "other-0"
    assert opened.select(split="test", scenario="free_drop") == [1]
    with pytest.raises(UnknownNameError, match="Did you mean 'other-0'"):
        opened.find("other-1")
    with pytest.raises(UnknownNameError, match="Did you mean 'split'"):
        opened.select(splt="test")


def test_webdataset_reads_the_shards(dataset, clip):
    webdataset = pytest.importorskip("webdataset")
    url = str(dataset / "shards" / "train-00000.tar")
    samples = list(webdataset.WebDataset(url, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [clip.meta.key, "other-0"]
    assert json.loads(samples[0]["json"])["meta"]["caption"] == clip.meta.caption
    assert samples[0]["rgb.zst"] == encode_clip(clip)["rgb.zst"]


def test_tampered_shard_is_refused_by_name(dataset):
    path = dataset / "shards" / "train-00000.tar"
    data = bytearray(path.read_bytes())
    data[ShardDataset(dataset).rows[1].offset + 900] ^= 1
    path.write_bytes(data)
    assert ShardDataset(dataset).load(0)
    with pytest.raises(DataError, match=r"'other-0' in .*train-00000.tar differs from its checksum"):
        ShardDataset(dataset).load(1)


def test_truncated_shard_is_refused(dataset):
    path = dataset / "shards" / "train-00000.tar"
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(DataError, match="is truncated"):
        ShardDataset(dataset).load(1)
    path.unlink()
    with pytest.raises(DataError, match="cannot read clip"):
        ShardDataset(dataset).load(0)


def test_folders_that_are_no_finished_dataset_are_refused(dataset, tmp_path):
    with pytest.raises(DataError, match="is not a dataset"):
        ShardDataset(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"build --config configs/data_tiny.yaml --out .*/runs/tiny/physics'"):
        ShardDataset(tmp_path / "runs" / "tiny" / "physics")
    (dataset / "index.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="cannot be read"):
        ShardDataset(dataset)
    (dataset / "index.parquet").unlink()
    with pytest.raises(DataError, match="is unfinished"):
        ShardDataset(dataset)
    (dataset / "dataset.yaml").write_text("format: worldsim.dataset/9\n")
    with pytest.raises(DataError, match="has format 'worldsim.dataset/9'"):
        ShardDataset(dataset)


def test_unknown_clip_version_is_refused(clip):
    members = encode_clip(clip)
    members["json"] = members["json"].replace(b"worldsim.clip/3", b"worldsim.clip/7")
    with pytest.raises(DataError, match="format 'worldsim.clip/7'"):
        decode_clip(members)


def test_clip_of_another_shape_than_its_record_is_refused(clip):
    with pytest.raises(DataError, match="rgb of shape"):
        dataclasses.replace(clip, rgb=clip.rgb[1:])


def test_visible_fraction_counts_visible_over_amodal_pixels():
    amodal = np.zeros((1, 2, 4, 4), bool)
    amodal[0, 0, :2] = True
    amodal[0, 1, 1:3] = True
    ids = np.zeros((1, 4, 4), np.uint8)
    ids[0, :2], ids[0, 2] = 1, 2
    rendering = Rendering(np.zeros((1, 4, 4, 3), np.uint8), ids, np.ones((1, 4, 4), np.float32), amodal)
    np.testing.assert_array_equal(rendering.visible_fraction(), [[1.0, 0.5]])


@pytest.mark.parametrize("largest", [3.0, 1000.0])
def test_flow_is_kept_to_half_a_step(largest):
    flow = np.random.default_rng(0).uniform(-largest, largest, size=(2, 5, 7, 2)).astype(np.float32)
    again = unpack_flow(*pack_flow(flow))
    assert np.abs(again - flow).max() <= 0.5 * max(1 / 128, largest / 32767) * 1.001


def test_flow_that_is_not_finite_is_refused():
    with pytest.raises(DataError, match="not finite"):
        pack_flow(np.full((1, 2, 2, 2), np.nan))
