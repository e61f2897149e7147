"""Every column is at its best at the truth and worse where its own thing is wrong."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from toy_scenes import toy_clip

from benchmarks.ablation.ablation_config import COLUMNS
from benchmarks.ablation.clip_measures import (
    LOST_DIAMETERS,
    LOST_SPEED,
    Projection,
    clip_features,
    frechet_distance,
    identity_switches,
    measure_clip,
)
from eval.inputs import AlignedVideo
from eval.perception.tracks import Track, Tracks
from eval.reference import Reference

GIVEN = 5


def aligned(rgb: np.ndarray) -> AlignedVideo:
    return AlignedVideo(rgb, np.arange(len(rgb)) / 16, np.ones(len(rgb), bool), "")


def measured(reference: Reference, rgb: np.ndarray) -> dict[str, float | None]:
    return measure_clip(reference, aligned(rgb), GIVEN, tuple(COLUMNS))


@pytest.fixture(scope="module")
def scene() -> tuple[Reference, dict[str, float | None]]:
    reference = Reference(toy_clip("collide"), num_conditioning_frames=0)
    return reference, measured(reference, reference.clip.rgb)


def test_the_truth_is_best(scene):
    _, at_truth = scene
    exact = {name: at_truth[name] for name in ("permanence_failure", "identity_switches", "stillness", "blur")}
    assert exact == dict.fromkeys(exact, 0.0)
    assert at_truth["psnr"] == 100.0
    assert at_truth["ssim"] == pytest.approx(1.0)
    assert at_truth["position_error"] < 0.1
    assert at_truth["velocity_error"] < 0.03
    assert at_truth["lost_share"] == at_truth["identity_error"] == 0.0


def test_what_vanishes_counts_as_lost_everywhere(scene):
    reference, at_truth = scene
    ids = reference.clip.rendering.instance_ids
    rgb = reference.clip.rgb.copy()
    rgb[GIVEN:] = np.nanmedian(np.where((ids > 0)[..., None], np.nan, rgb.astype(float)), axis=0)
    gone = measured(reference, rgb)
    assert gone["position_error"] == pytest.approx(LOST_DIAMETERS)
    assert gone["velocity_error"] == pytest.approx(LOST_SPEED)
    assert gone["lost_share"] > 0.5
    assert gone["permanence_failure"] == 1.0
    assert gone["identity_error"] > at_truth["identity_error"]


def test_standing_still_and_blur_are_seen_by_their_columns(scene):
    reference, _ = scene
    still = reference.clip.rgb.copy()
    still[GIVEN:] = still[GIVEN - 1]
    frozen = measured(reference, still)
    assert frozen["stillness"] > 2.0
    assert frozen["velocity_error"] > 0.1
    assert frozen["blur"] < 0.2
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 2.0) for frame in reference.clip.rgb])
    assert measured(reference, soft)["blur"] > 0.3


def test_a_constant_offset_is_a_position_error_and_no_velocity_error(scene):
    reference, at_truth = scene
    moved = reference.clip.rgb.copy()
    moved[GIVEN:] = np.roll(moved[GIVEN:], 3, axis=2)
    shifted = measured(reference, moved)
    diameter = np.mean([reference.silhouette(number).diameter for number in reference.tracked])
    assert shifted["position_error"] == pytest.approx(3 / diameter, abs=0.1)
    assert shifted["velocity_error"] < at_truth["velocity_error"] + 0.06


def by_hand(reference: Reference, order: dict[int, tuple[str, str]]) -> Tracks:
    """Return tracks at the true places; from a frame of ``order`` on the two objects have these names."""
    numbers = list(reference.tracked)
    names = [reference.tracked[number] for number in numbers]
    count = len(reference.clip.rgb)
    places = {name: np.full((count, 2), np.nan) for name in names}
    for frame in range(count):
        current = order[max(start for start in order if start <= frame)]
        for number, name in zip(numbers, current, strict=True):
            places[name][frame] = reference.silhouette(number).centroid[frame]
    seen, area = np.ones(count, bool), np.full(count, 50.0)
    tracks = tuple(Track(name, seen, seen, places[name], area) for name in names)
    return Tracks(
        tracks, np.arange(count) / 16, np.zeros(count, int), np.zeros((count, *reference.clip.rgb.shape[1:3]), np.uint8)
    )


def test_switches_are_counted_object_by_object(scene):
    reference, _ = scene
    names = tuple(reference.tracked.values())
    kept = {0: names}
    assert identity_switches(reference, by_hand(reference, kept)) == 0
    once = {0: names, 3: names[::-1]}
    assert identity_switches(reference, by_hand(reference, once)) == 2
    there_and_back = {0: names, 2: names[::-1], 4: names}
    assert identity_switches(reference, by_hand(reference, there_and_back)) == 4
    alike = Reference(toy_clip("collide_same"), num_conditioning_frames=0)
    same = tuple(alike.tracked.values())
    assert identity_switches(alike, by_hand(alike, {0: same, 3: same[::-1]})) == 0


def test_a_stranger_in_the_place_of_an_object_is_a_switch(scene):
    reference, _ = scene
    number, name = next(iter(reference.tracked.items()))
    tracks = by_hand(reference, {0: tuple(reference.tracked.values())})
    there = reference.silhouette(number).centroid
    labels, initiations = tracks.labels.copy(), tracks.initiations.copy()
    for frame in range(6, 9):
        x, y = there[frame].astype(int)
        labels[frame, y - 2 : y + 3, x - 2 : x + 3], initiations[frame] = 255, 1
    kept = tuple(
        replace(t, presence=t.presence & ~((np.arange(17) >= 6) & (np.arange(17) < 9))) if t.name == name else t
        for t in tracks.tracks
    )
    # Once to the stranger, once back.
    assert identity_switches(reference, replace(tracks, tracks=kept, labels=labels, initiations=initiations)) == 2


def test_frechet_distance_is_that_of_normal_distributions():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 3))
    points = (points - points.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(points, rowvar=False)).T)
    assert frechet_distance(points, points) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(points + np.array([3.0, 0.0, 4.0]), points) == pytest.approx(25.0)
    # Covariances s² I and I: the distance is d (s - 1)².
    assert frechet_distance(2.0 * points, points) == pytest.approx(3.0)


def test_features_see_blur_stillness_and_colour():
    clips = [toy_clip("projectile", index, size=32).rgb for index in range(12)]
    true = np.stack([clip_features(rgb) for rgb in clips])
    project = Projection.fit(true)
    coordinates = project(true)
    assert np.allclose(coordinates.mean(axis=0), 0.0, atol=1e-9)
    assert np.allclose(coordinates.var(axis=0), 1.0)

    def distance(change) -> float:
        return frechet_distance(project(np.stack([clip_features(change(rgb)) for rgb in clips])), coordinates)

    assert distance(lambda rgb: rgb) == pytest.approx(0.0, abs=1e-6)
    for change in (
        lambda rgb: np.repeat(rgb[:1], len(rgb), axis=0),
        lambda rgb: np.stack([cv2.GaussianBlur(frame, (0, 0), 2.0) for frame in rgb]),
        lambda rgb: rgb[..., ::-1].copy(),
    ):
        assert distance(change) > 0.5
