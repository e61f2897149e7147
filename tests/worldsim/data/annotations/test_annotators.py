"""Classical pseudo-labels against exact ones, and the way they are stored and read."""

import json
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from physics_data.core.errors import ConfigError, DataError, UnknownNameError
from tests.worldsim.tiny_clips import footage_clip, write_dataset
from worldsim.data.annotations import ANNOTATORS
from worldsim.data.annotations.classical import NUM_POINTS, InverseSearchFlow, MovingPixels, PyramidTracks, agreeing
from worldsim.data.annotations.store import AnnotationStore, annotate
from worldsim.data.labels import LABELS
from worldsim.data.sources import ShardSource

CLASSICAL = ("flow", "tracks", "moving")
LEARNED = sorted(set(ANNOTATORS) - set(CLASSICAL))
PAN = np.array([1.5, -0.75])


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return (smooth - smooth.min()) / np.ptp(smooth) * 255


def panned(num_frames: int = 5, height: int = 64, width: int = 80) -> np.ndarray:
    """A textured picture that moves by PAN pixels a frame: its flow is PAN everywhere."""
    wide = texture(height + 40, width + 40)
    frames = []
    for number in range(num_frames):
        shift = np.float32([[1, 0, number * PAN[0] - 20], [0, 1, number * PAN[1] - 20]])
        frames.append(cv2.warpAffine(wide, shift, (width, height), flags=cv2.INTER_CUBIC))
    return np.clip(np.stack(frames), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CLASSICAL)
def test_arrays_are_those_of_the_labels_and_equal_each_time(name: str) -> None:
    rgb = panned()
    first, second = (ANNOTATORS.get(name)().annotate(rgb, 16.0) for _ in range(2))
    assert set(first) == {member for label in ANNOTATORS.get(name).labels for member in LABELS[label]}
    for array_name, array in first.items():
        assert len(array) == (4 if "flow" in array_name else 5)
        np.testing.assert_array_equal(array, second[array_name])
    assert ANNOTATORS.get(name)().annotate(rgb[:1], 16.0) == {}
    with pytest.raises(ConfigError, match="has no weights"):
        ANNOTATORS.get(name)("somewhere")


def test_flow_of_a_pan() -> None:
    found = InverseSearchFlow().annotate(panned(), 16.0)
    for name, truth in (("optical_flow", PAN), ("backward_flow", -PAN)):
        error = np.linalg.norm(found[name] - truth, axis=-1)
        seen = found[f"{name}_seen"]
        assert error[seen].mean() < 0.1
        assert seen[:, 8:-8, 8:-8].mean() > 0.98


def test_flow_out_of_the_picture_is_not_believed() -> None:
    there = np.full((4, 6, 2), [2.0, 0.0], dtype=np.float32)
    assert agreeing(there, -there).tolist() == [[True] * 4 + [False] * 2] * 4
    assert not agreeing(there, 0 * there).any()


def test_tracks_of_a_pan() -> None:
    found = PyramidTracks().annotate(panned(), 16.0)
    pixel, visible = found["track_pixel"], found["track_visible"]
    assert pixel.shape == (5, NUM_POINTS, 2)
    steps = np.diff(pixel, axis=0)
    known = visible[1:] & visible[:-1]
    assert known.mean() > 0.8
    errors = np.linalg.norm(steps - PAN, axis=-1)[known]
    assert errors.mean() < 0.1 and errors.max() < 0.5
    assert np.isfinite(pixel[visible]).all()


def test_a_plain_wall_has_no_points() -> None:
    found = PyramidTracks().annotate(np.full((5, 32, 32, 3), 128, dtype=np.uint8), 16.0)
    assert not found["track_visible"].any() and np.isnan(found["track_pixel"]).all()


def test_what_moves_is_told_from_a_camera_that_pans() -> None:
    rgb = panned(height=96, width=120)
    assert MovingPixels().annotate(rgb, 16.0)["moving_mask"].mean() < 0.01
    block = texture(24, 24, seed=1).astype(np.uint8)
    truth = np.zeros(rgb.shape[:3], dtype=bool)
    for number in range(len(rgb)):
        left = 20 + 5 * number
        rgb[number, 40:64, left : left + 24], truth[number, 40:64, left : left + 24] = block, True
    mask = MovingPixels().annotate(rgb, 16.0)["moving_mask"]
    assert (mask & truth).sum() / (mask | truth).sum() > 0.65


def test_labels_are_written_beside_and_read_with_the_clips(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "data", [footage_clip(n, num_frames=6, size=48) for n in range(4)])
    ticks: list[int] = []
    assert annotate(folder, ["flow", "tracks"], on_clips=ticks.append) == {"flow": 4, "tracks": 4}
    assert sum(ticks) == 8
    tar = folder / "annotations" / "flow" / "all-00000.tar"
    before = (tar.stat().st_mtime_ns, tar.read_bytes())
    annotate(folder, ["flow"])
    assert (tar.stat().st_mtime_ns, tar.read_bytes()) == before  # what is there is kept
    tar.write_bytes(before[1][:-600])
    annotate(folder, ["flow"])
    assert tar.read_bytes() == before[1]  # what was cut off is made again, to the byte
    source = ShardSource(
        folder, "train", name="x", labels=("optical_flow", "tracks", "instance_ids"), annotations=("flow", "tracks")
    )
    clip = source.load(2)
    expected = InverseSearchFlow().annotate(clip.rgb, 16.0)
    assert set(clip.labels) == {"optical_flow", "optical_flow_seen", "track_pixel", "track_visible"}
    assert np.abs(clip.labels["optical_flow"] - expected["optical_flow"]).max() <= 1 / 128
    assert (clip.labels["optical_flow_seen"] == expected["optical_flow_seen"]).all()
    assert clip.instance_ids is None


def test_labels_of_other_clips_or_settings_are_made_again(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "data", [footage_clip(n, num_frames=4, size=32) for n in range(2)])
    annotate(folder, ["moving"])
    manifest = folder / "annotations" / "moving" / "all-00000.json"
    record = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**record, "identity": {"method": "an older one"}}))
    annotate(folder, ["moving"])
    assert json.loads(manifest.read_text()) == record


def test_missing_and_damaged_labels_are_told(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "data", [footage_clip(0, num_frames=4, size=32)])
    with pytest.raises(DataError, match=f"worldsim annotate {folder} --labels flow"):
        AnnotationStore(folder, "flow")
    with pytest.raises(UnknownNameError, match="Did you mean 'flow'"):
        annotate(folder, ["flows"])
    with pytest.raises(UnknownNameError, match="unknown label 'flow'"):
        ShardSource(folder, "train", name="x", labels=("flow",))
    annotate(folder, ["flow"])
    tar = folder / "annotations" / "flow" / "all-00000.tar"
    tar.write_bytes(tar.read_bytes()[:700])
    with pytest.raises(DataError, match="annotate again"):
        AnnotationStore(folder, "flow").load("footage-000000")


def test_a_flipped_bit_of_labels_is_noticed(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "data", [footage_clip(n, num_frames=4, size=32) for n in range(2)])
    annotate(folder, ["moving"])
    tar = folder / "annotations" / "moving" / "all-00000.tar"
    rows = json.loads(tar.with_suffix(".json").read_text())["rows"]
    whole = tar.read_bytes()
    store = AnnotationStore(folder, "moving")
    chance = random.Random(0)
    for _ in range(60):
        row = chance.choice(rows)
        damaged = bytearray(whole)
        damaged[row["offset"] + chance.randrange(row["length"])] ^= 1 << chance.randrange(8)
        tar.write_bytes(damaged)
        with pytest.raises(DataError, match="annotate again"):
            store.load(row["key"])


def test_labels_written_before_there_were_checksums_are_read(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "data", [footage_clip(0, num_frames=4, size=32)])
    annotate(folder, ["moving"])
    manifest = folder / "annotations" / "moving" / "all-00000.json"
    new = AnnotationStore(folder, "moving").load("footage-000000")
    record = json.loads(manifest.read_text())
    del record["rows"][0]["sha256"], record["digest"]
    manifest.write_text(json.dumps(record))
    old = AnnotationStore(folder, "moving").load("footage-000000")
    np.testing.assert_array_equal(old["moving_mask"], new["moving_mask"])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"bytes": 1, "rows": [3]}', '{"bytes": "a", "rows": []}', "[" * 99_999]
)
def test_a_damaged_manifest_is_told_and_made_again(tmp_path: Path, text: str) -> None:
    folder = write_dataset(tmp_path / "data", [footage_clip(0, num_frames=4, size=32)])
    annotate(folder, ["moving"])
    manifest = folder / "annotations" / "moving" / "all-00000.json"
    whole = manifest.read_text()
    manifest.write_text(text)
    with pytest.raises(DataError, match="is damaged"):
        AnnotationStore(folder, "moving")
    annotate(folder, ["moving"])
    assert manifest.read_text() == whole


@pytest.mark.parametrize("name", LEARNED)
def test_learned_annotators_say_what_is_missing(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"annotator '{name}' (needs the package|cannot load the weights)"):
        ANNOTATORS.get(name)(str(tmp_path / "no_weights"))


def test_depth_network_from_a_local_folder(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    backbone = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14, out_indices=[1, 2],
        apply_layernorm=True, reshape_hidden_states=False,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, reassemble_factors=[2, 1], neck_hidden_sizes=[8, 8],
        fusion_hidden_size=8, head_hidden_size=8, patch_size=14,
    )  # fmt: skip
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(tmp_path / "tiny")
    transformers.DPTImageProcessor(size={"height": 28, "width": 28}).save_pretrained(tmp_path / "tiny")
    rgb = panned(2, 32, 40)
    depth = ANNOTATORS.get("depth_anything")(str(tmp_path / "tiny")).annotate(rgb, 16.0)["relative_depth"]
    assert depth.shape == (2, 32, 40) and depth.dtype == np.float32
    assert (depth <= 0).all()
