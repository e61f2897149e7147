"""An exported suite, continued by a model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from physics_data.core.config import validate_config
from physics_data.core.errors import DataError
from physics_data.core.video import read_video, write_video
from worldsim.suite import continue_suite, read_suite, shortened
from worldsim.videos import SampleConfig, Sampler, read_picture

LONG = " ".join(["a red ball falls onto the floor"] * 3)


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    settings = {"height": 16, "width": 16, "num_frames": 5, "sampling": {"num_steps": 1}}
    return Sampler.load(Path("builtin:world"), validate_config(SampleConfig, settings, source="test"))


def scene(key: str, **changes: Any) -> dict[str, Any]:
    told = {"key": key, "prompt": "a red ball falls", "given_video": f"given/{key}.mp4", "given_frames": 3}
    return told | {"frame_rate": 32.0, "num_frames": 17, "width": 32, "height": 32, "unknown": 1} | changes


def export(folder: Path, *scenes: dict[str, Any]) -> Path:
    """Write a suite of 32 Hz whose given frames are grey."""
    (folder / "given").mkdir(parents=True)
    for one in scenes:
        grey = np.full((one["given_frames"], one["height"], one["width"], 3), 128, np.uint8)
        write_video(folder / one["given_video"], grey, one["frame_rate"])
    manifest = {"format": "worldsim.suite/1", "fingerprint": "f", "seeds": [0, 1], "scenes": scenes, "more": 2}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_scenes_are_continued_at_the_models_rate_in_stretches(tmp_path: Path, sampler: Sampler) -> None:
    suite = read_suite(export(tmp_path / "suite", scene("one"), scene("two", num_frames=9)))
    assert continue_suite(sampler, suite, tmp_path / "out", num_conditioning_frames=1, num_seeds=2, batch_size=4) == 4
    # 17 and 9 frames at 32 Hz are 0.5 and 0.25 s: 9 and 5 frames at the model's 16 Hz, in stretches of 4 new ones.
    lengths = {str(file.relative_to(tmp_path / "out")): len(read_video(file).rgb) for file in tmp_path.rglob("seed*/*")}
    assert lengths == {"seed0/one.mp4": 9, "seed0/two.mp4": 5, "seed1/one.mp4": 9, "seed1/two.mp4": 5}
    (tmp_path / "out/seed1/one.mp4").unlink()
    kept = (tmp_path / "out/seed0/one.mp4").stat().st_mtime_ns
    assert continue_suite(sampler, suite, tmp_path / "out", num_conditioning_frames=1, num_seeds=2, batch_size=4) == 1
    assert (tmp_path / "out/seed0/one.mp4").stat().st_mtime_ns == kept


def test_a_prompt_that_is_too_long_is_told_as_far_as_the_model_reads(tmp_path: Path, sampler: Sampler) -> None:
    suite = read_suite(export(tmp_path / "suite", scene("short"), scene("long", prompt=LONG)))
    words = sampler.model.card["tokenizer"]["max_words"]
    assert shortened(sampler, suite) == {"long": " ".join(LONG.split()[:words])}


@pytest.mark.parametrize(
    ("changes", "num_conditioning_frames", "message"),
    [
        ({"width": 48}, 1, "48x32, the model makes 16x16"),
        ({}, 3, "gives 3 frames at 32 Hz, 3 at 16 Hz"),
        ({}, 5, "between 1 and 4"),
        ({}, 0, "between 1 and 4"),
    ],
)
def test_what_cannot_be_continued_is_said(
    tmp_path: Path, sampler: Sampler, changes: dict[str, Any], num_conditioning_frames: int, message: str
) -> None:
    suite = read_suite(export(tmp_path / "suite", scene("one", **changes)))
    with pytest.raises(DataError, match=message):
        continue_suite(
            sampler, suite, tmp_path / "out", num_conditioning_frames=num_conditioning_frames, num_seeds=1, batch_size=1
        )
    assert not (tmp_path / "out").exists()


def test_folders_without_scenes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="benchmarks export permanence"):
        read_suite(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "worldsim.suite/1", "fingerprint": "f", "seeds": [0]}')
    with pytest.raises(DataError, match="scenes: Field required"):
        read_suite(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "../../x"},
        {"key": "/tmp/x"},
        {"key": "a/b"},
        {"key": ".."},
        {"key": "a\x00"},
        {"key": "a" * 151},
        {"given_video": "../one.mp4"},
        {"given_video": "/etc/passwd"},
        {"given_video": "given/../../one.mp4"},
        {"num_frames": 10**12},
        {"num_frames": 0},
        {"frame_rate": 1e-300},
        {"frame_rate": 1e300},
        {"width": 10**9},
        {"given_frames": 0},
    ],
)
def test_names_stay_inside_and_numbers_are_bounded(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = export(tmp_path / "suite", scene("one"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["scenes"][0] |= changes
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="lists no scenes to be continued"):
        read_suite(folder)


def test_a_link_does_not_lead_out_of_the_suite(tmp_path: Path) -> None:
    folder = export(tmp_path / "suite", scene("one"))
    (folder / "given" / "one.mp4").rename(tmp_path / "secret.mp4")
    (folder / "given" / "one.mp4").symlink_to(tmp_path / "secret.mp4")
    with pytest.raises(DataError, match="lies outside"):
        read_suite(folder)


@pytest.mark.parametrize("number", range(60))
def test_a_damaged_manifest_is_one_sentence(tmp_path: Path, number: int) -> None:
    """Bytes of a manifest are changed, cut out or doubled: it is read, or refused with a DataError."""
    path = export(tmp_path / "suite", scene("one"), scene("two")) / "manifest.json"
    path.write_bytes(mutated(path.read_bytes(), number))
    try:
        found = read_suite(tmp_path / "suite")
    except DataError:
        return
    assert all("/" not in one.key and one.num_frames <= 10_000 for one in found.scenes)


def mutated(data: bytes, number: int) -> bytes:
    rng = np.random.default_rng(number)
    for _ in range(int(rng.integers(1, 4))):
        at, size = int(rng.integers(len(data))), int(rng.integers(1, 12))
        piece = [bytes(rng.integers(0, 256, size, dtype=np.uint8)), b"", data[at : at + size] * 2, b"-1e999", b"../"]
        data = data[:at] + piece[int(rng.integers(len(piece)))] + data[at + size :]
    return data


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_picture_to_start_from_is_turned_as_its_record_says(tmp_path: Path, suffix: str, orientation: int) -> None:
    corner = np.full((32, 48, 3), 40, np.uint8)
    corner[:16, :24] = 220
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(corner).save(tmp_path / f"a{suffix}", exif=exif)
    right = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / f"a{suffix}")).convert("RGB"))
    np.testing.assert_array_equal(read_picture(tmp_path / f"a{suffix}", *right.shape[:2]), right)


@pytest.mark.parametrize(
    ("facts", "changes", "message"),
    [
        ({"num_conditioning_frames": 5}, {}, "num_conditioning_frames is 5, but given_frames of 'one' is 3"),
        ({}, {"given_frames": 18}, "'one' gives 18 of 17 frames"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    tmp_path: Path, facts: dict[str, int], changes: dict[str, int], message: str
) -> None:
    folder = export(tmp_path / "suite", scene("one", **changes))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | facts))
    with pytest.raises(DataError, match=message):
        read_suite(folder)
