"""Masks of another perception: exact ones give a perfect score; wrong files say what is wrong with them."""

import numpy as np
import pytest

from eval.inputs import System
from eval.metrics import METRICS
from eval.perception.external_masks import load_tracks
from eval.scoring import load_for, score_clip
from physics_data.core.errors import DataError
from physics_data.core.video import write_video


@pytest.fixture
def place(toy, tmp_path):
    """Return a function scenario → (reference, system with its own video, folder for tracks)."""

    def make(scenario):
        reference = toy(scenario)
        clip = reference.clip
        path = write_video_of(clip, tmp_path)
        return reference, System("truth", tmp_path, {clip.meta.key: path}, ()), tmp_path

    return make


def write_video_of(clip, folder):
    path = folder / f"{clip.meta.key}.mp4"
    write_video(path, clip.rgb, clip.meta.frame_rate)
    return path


def exact(reference, start=40):
    """The simulator's masks under numbers of its own choice."""
    _, rendering, _ = reference.clip.labelled
    ids = rendering.instance_ids.astype(np.int32)
    return np.where(np.isin(ids, list(reference.tracked)), ids + start, 0)


@pytest.mark.parametrize("scenario", ["free_drop", "projectile", "collide", "occluder_pass"])
def test_exact_masks_give_a_perfect_score(place, scenario):
    reference, system, folder = place(scenario)
    np.savez_compressed(folder / f"{reference.clip.meta.key}.npz", masks=exact(reference))
    (row,) = score_clip(reference.clip, [system], 0, folder)
    given = {name: value for name, value in row.values.items() if value is not None}
    for name, value in given.items():
        info = METRICS.get(name).info
        assert abs(value - info.best) < 0.02 * abs(info.best - info.worst), (name, value)
    assert given["object_permanence"] == 1.0


def test_masks_and_not_pixels_are_judged(place):
    reference, system, folder = place("free_drop")
    masks = exact(reference)
    masks[8:] = 0
    np.savez_compressed(folder / f"{reference.clip.meta.key}.npz", masks=masks)
    (row,) = score_clip(reference.clip, [system], 0, folder)
    assert row.values["object_permanence"] < 0.6


def test_a_number_that_is_no_object_is_a_birth(place):
    reference, system, folder = place("free_drop")
    masks = exact(reference)
    masks[5:9, :6, :6] = 7
    np.savez_compressed(folder / "x.npz", masks=masks)
    clip = reference.clip
    video = load_for(clip, system.files[clip.meta.key])
    tracks = load_tracks(folder / "x.npz", video, reference.first_frame, clip.meta.frame_rate)
    assert tracks.initiations.tolist() == [0] * 5 + [1] * 4 + [0] * (clip.meta.num_frames - 9)


WRONG = {
    "no masks": ({"frames": np.zeros(3)}, "needed is 'masks'"),
    "float": ({"masks": np.zeros((17, 64, 64))}, "whole numbers"),
    "negative": ({"masks": np.full((17, 64, 64), -1)}, "numbered from 1"),
    "size": ({"masks": np.zeros((17, 32, 64), int)}, "64x32 pixels"),
    "short": ({"masks": np.zeros((5, 64, 64), int)}, "the masks none within"),
    "seconds": ({"masks": np.zeros((17, 64, 64), int), "seconds": np.zeros(17)}, "rise from picture"),
    "count": ({"masks": np.zeros((17, 64, 64), int), "seconds": np.arange(4)}, "one for each"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_a_wrong_file_says_what_is_needed(place, case):
    reference, system, folder = place("free_drop")
    arrays, words = WRONG[case]
    np.savez(folder / f"{reference.clip.meta.key}.npz", **arrays)
    with pytest.raises(DataError, match=words):
        score_clip(reference.clip, [system], 0, folder)


def test_missing_and_broken_files_are_errors(place):
    reference, system, folder = place("free_drop")
    with pytest.raises(DataError, match="no tracks"):
        score_clip(reference.clip, [system], 0, folder)
    (folder / f"{reference.clip.meta.key}.npz").write_bytes(b"PK not a zip")
    with pytest.raises(DataError, match="cannot be read"):
        score_clip(reference.clip, [system], 0, folder)
