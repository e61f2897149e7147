"""Generated videos against recordings: what is equal, what is gone, and what cannot be paired."""

import json

import numpy as np
import pytest
from discs import drawn
from typer.testing import CliRunner

from eval.cli import app
from eval.real_reference import RealComparison, compare_with_recordings, find_pairs
from physics_data.core.errors import DataError
from physics_data.core.video import write_video

YELLOW = (250, 220, 60)  # Physics-IQ looks at grey levels: red on this ground does not move


def clip(gone: int = 99) -> np.ndarray:
    path = np.stack([12 + 3.0 * np.arange(24), np.full(24, 60.0)], axis=1)[:, None]
    path[gone:] = np.nan
    return drawn(path, [YELLOW], size=128)


@pytest.fixture
def folders(tmp_path):
    for name, gone in (("real", 99), ("take", 99), ("same", 99), ("vanished", 8)):
        (tmp_path / name).mkdir()
        write_video(tmp_path / name / "slide.mp4", clip(gone), 24.0)
    return tmp_path


def last(*arguments, **options) -> RealComparison:
    *_, result = compare_with_recordings(*arguments, **options)
    assert isinstance(result, RealComparison)
    return result


def test_a_copy_is_perfect_and_what_vanishes_is_not_found(folders):
    same = last(folders / "real", folders / "same", folders / "take", num_conditioning_frames=2)
    assert same.physics_iq == pytest.approx(100.0)
    assert same.ceiling == "second take"
    assert same.videos[0].found == 1.0
    assert same.videos[0].seen == 1.0
    assert same.videos[0].distance == pytest.approx(0.0, abs=1e-6)
    assert same.videos[0].frames == 22
    gone = last(folders / "real", folders / "vanished")
    assert gone.videos[0].seen is not None
    assert gone.videos[0].seen < 0.6
    assert gone.physics_iq < 90
    assert gone.ceiling == "perfect copy"


def test_what_cannot_be_paired(folders):
    (folders / "other").mkdir()
    write_video(folders / "other" / "roll.mp4", clip(), 24.0)
    with pytest.raises(DataError, match="named like a recording"):
        last(folders / "real", folders / "other")
    with pytest.raises(DataError, match="no second take of 'slide'"):
        last(folders / "real", folders / "same", folders / "other")
    with pytest.raises(DataError, match="leave nothing"):
        last(folders / "real", folders / "same", num_conditioning_frames=24)


def test_names_of_physics_iq_are_paired_by_view_and_event(tmp_path):
    """Recordings of both takes in one folder, numbered apart, and submissions named after the first take."""
    event = "trimmed-ball-and-block-fall.mp4"
    names = {
        "real": (f"0001_testing-videos_30FPS_perspective-left_take-1_{event}",
                 f"0199_testing-videos_30FPS_perspective-left_take-2_{event}",
                 f"0002_testing-videos_30FPS_perspective-center_take-1_{event}",
                 f"0200_testing-videos_30FPS_perspective-center_take-2_{event}"),
        "made": (f"0001_perspective-left_{event}", f"0002_perspective-center_{event}"),
    }  # fmt: skip
    for folder, files in names.items():
        (tmp_path / folder).mkdir()
        for file in files:
            (tmp_path / folder / file).touch()
    pairs, without_recording, without_video = find_pairs(tmp_path / "real", tmp_path / "made")
    assert [pair.name for pair in pairs] == [f"perspective-{v}_ball-and-block-fall" for v in ("center", "left")]
    found = pairs[1]
    assert found.second_take is not None
    assert (found.real.name, found.second_take.name, found.generated.name) == (*names["real"][:2], names["made"][0])
    assert not without_recording and not without_video
    (tmp_path / "real" / names["real"][3]).unlink()
    with pytest.raises(DataError, match="no second take of 'perspective-center_ball"):
        find_pairs(tmp_path / "real", tmp_path / "made")


def test_the_command_writes_its_tables(folders):
    out = folders / "out"
    run = CliRunner().invoke(
        app, ["compare", str(folders / "real"), str(folders / "same"), "--out", str(out), "--json"]
    )
    assert run.exit_code == 0, run.output
    assert json.loads((out / "comparison.json").read_text())["videos"][0]["name"] == "slide"
    assert "slide" in (out / "compared.csv").read_text()
    assert "against recordings" in (out / "report.html").read_text()
