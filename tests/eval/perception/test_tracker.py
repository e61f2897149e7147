"""The tracker against exact masks, on clean and on degraded pictures, with stated bounds."""

import numpy as np
import pytest
from edits import doubled, follow, recolored, vanishing
from scipy import ndimage

from physics_data.core.video import read_video, write_video

SCENARIOS = ("free_drop", "projectile", "collide", "collide_same", "occluder_pass")


def degrade(rgb, kind, tmp_path):
    """Blur, recolour, add noise, compress: what generators and codecs do to pictures."""
    scale = rgb.shape[1] / 64
    picture = rgb.astype(float)
    if kind in ("blur", "all"):
        picture = ndimage.gaussian_filter(picture, (0, scale, scale, 0))
    if kind in ("color shift", "all"):
        picture = picture + np.array([10.0, -6.0, 8.0])
    if kind in ("noise", "all"):
        picture = picture + np.random.default_rng(0).normal(0, 6, picture.shape)
    picture = picture.clip(0, 255).round().astype(np.uint8)
    if kind in ("h264", "all"):
        write_video(tmp_path / "video.mp4", picture, 16.0, "yuv420p")
        picture = read_video(tmp_path / "video.mp4").rgb
    return picture


def errors_of(reference, tracks):
    """Return missed sightings, ghosts (present while hidden), centroid errors (px) and initiations."""
    _, rendering, _ = reference.clip.labelled
    missed = ghosts = 0
    errors = []
    for number, name in reference.present_at_start.items():
        track = tracks.of(name)
        mask = rendering.instance_ids == number
        missed += int((reference.visible(number) & ~track.presence).sum())
        ghosts += int((track.presence & ~mask.any((1, 2))).sum())
        for k in np.flatnonzero(track.presence & reference.clear(number)):
            errors.append(np.linalg.norm(np.argwhere(mask[k]).mean(0)[::-1] + 0.5 - track.centroid[k]))
    return missed, ghosts, np.array(errors), int(tracks.initiations.sum())


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("kind", ["clean", "blur", "noise", "color shift", "h264", "all"])
def test_accuracy(toy, scenario, kind, tmp_path):
    """All found, no ghost, no initiation, no swapped identity; centroids within 0.5 px on average at 64 x 64."""
    for index in range(2):
        reference = toy(scenario, index)
        missed, ghosts, errors, initiations = errors_of(
            reference, follow(reference, degrade(reference.clip.rgb, kind, tmp_path))
        )
        assert (missed, ghosts, initiations) == (0, 0, 0)
        assert errors.mean() < 0.5
        assert errors.max() < 1.0  # an identity switch would be 6 px


@pytest.mark.parametrize("scenario", ["collide_same", "occluder_pass"])
def test_accuracy_at_four_times_the_size(toy, scenario, tmp_path):
    reference = toy(scenario, 0, 256)
    missed, ghosts, errors, initiations = errors_of(
        reference, follow(reference, degrade(reference.clip.rgb, "all", tmp_path))
    )
    assert (missed, ghosts, initiations) == (0, 0, 0)
    assert errors.mean() < 1.5


def test_equal_colours_keep_their_identity(toy):
    """After the collision the first ball stands and the second goes on, though they look alike."""
    reference = toy("collide_same")
    tracks = follow(reference, reference.clip.rgb)
    for name in ("red", "second"):
        path = reference.lift(name, tracks.of(name).centroid[10:13])
        np.testing.assert_allclose(path[:, 0], reference.true_path(name)[10:13, 0], atol=0.06)


def test_vanished_is_absent_in_exactly_those_frames(toy):
    reference = toy("free_drop")
    tracks = follow(reference, vanishing(reference.clip, [5, 6, 11]))
    assert np.flatnonzero(~tracks.of("red").presence).tolist() == [5, 6, 11]
    assert tracks.initiations.sum() == 0


def test_a_double_is_a_birth_in_exactly_those_frames(toy):
    reference = toy("free_drop")
    tracks = follow(reference, doubled(reference.clip, [9, 10, 11]))
    assert np.flatnonzero(tracks.initiations).tolist() == [9, 10, 11]
    assert tracks.of("red").presence.all()


def test_another_colour_is_another_object(toy):
    reference = toy("projectile")
    tracks = follow(reference, recolored(reference.clip, [7, 8, 9]))
    assert np.flatnonzero(~tracks.of("blue").presence).tolist() == [7, 8, 9]
    assert np.flatnonzero(tracks.initiations).tolist() == [7, 8, 9]


def test_a_jump_across_the_picture_is_not_the_same_object_at_once(toy):
    reference = toy("free_drop", 2)
    rgb = reference.clip.rgb.copy()
    rgb[6] = np.roll(rgb[6], 32, axis=1)
    tracks = follow(reference, rgb)
    assert np.flatnonzero(~tracks.of("red").presence).tolist() == [6]
    assert np.flatnonzero(tracks.initiations).tolist() == [6]
