"""The components of permanence on tracks made from the reference's own labels: what each must notice, in order."""

from dataclasses import replace

import numpy as np
import pytest

from eval.metrics import METRICS
from eval.metrics.composites import ObjectPermanence
from eval.metrics.visibility import returns
from eval.perception.tracks import Track, Tracks


def truth(reference):
    """Perfect tracks of what is due to be seen."""
    found = []
    for number, name in reference.present_at_start.items():
        outline, seen = reference.silhouette(number), reference.visible(number)
        centroid = np.where(seen[:, None], outline.centroid, np.nan)
        found.append(Track(name, seen, seen & reference.clear(number), centroid, outline.seen * 1.0 * seen))
    n = len(seen)
    return Tracks(tuple(found), np.arange(n) / 16, np.zeros(n, int), np.zeros((n, 1, 1), np.uint8))


def first(tracks, **change):
    return replace(tracks, tracks=(replace(tracks.tracks[0], **change), *tracks.tracks[1:]))


def absent(reference, tracks, frames):
    track = tracks.tracks[0]
    gone = np.zeros(len(track.presence), bool)
    gone[-frames:] = frames > 0
    return first(tracks, presence=track.presence & ~gone, whole=track.whole & ~gone)


def misplaced(reference, tracks, diameters):
    back = returns(reference)[0]
    centroid = tracks.tracks[0].centroid.copy()
    centroid[back.back :, 0] += diameters * reference.silhouette(back.number).diameter
    return first(tracks, centroid=centroid)


def intruders(reference, tracks, frames):
    initiations = tracks.initiations.copy()
    initiations[:frames] = 1
    return replace(tracks, initiations=initiations)


def swapped(reference, tracks, frames):
    a, b = tracks.tracks
    late = (np.arange(len(a.presence)) < frames)[:, None]
    swapped = np.where(late, b.centroid, a.centroid), np.where(late, a.centroid, b.centroid)
    return replace(tracks, tracks=(replace(a, centroid=swapped[0]), replace(b, centroid=swapped[1])))


def grown(reference, tracks, factor):
    area = tracks.tracks[0].area.copy()
    area[8:] *= factor
    return first(tracks, area=area)


LADDERS = [
    ("survival", "free_drop", absent, (0, 4, 12)),
    ("survival", "occluder_pass", absent, (0, 2, 12)),
    ("reappearance", "occluder_pass", misplaced, (0, 1, 2)),
    ("count", "collide", intruders, (0, 4, 12)),
    ("identity", "collide", swapped, (0, 3, 6)),
    ("attributes", "free_drop", grown, (1, 1.6, 3)),
]


@pytest.mark.parametrize(("name", "scenario", "edit", "rungs"), LADDERS)
@pytest.mark.parametrize("headline", [False, True])
def test_truth_is_best_and_worse_is_lower(toy, name, scenario, edit, rungs, headline):
    reference = toy(scenario)
    metric = METRICS.get("object_permanence" if headline else name)()
    assert metric.refuses(reference) is None
    values = [metric.score(reference, edit(reference, truth(reference), rung)) for rung in rungs]
    assert values[0] == pytest.approx(1.0)
    assert (np.diff(values) < -0.05).all(), values


def test_equal_colours_may_change_places(toy):
    reference = toy("collide_same")
    assert METRICS.get("identity")().score(reference, swapped(reference, truth(reference), 6)) == 1.0


def test_the_least_component_decides(toy):
    reference = toy("collide")
    tracks = intruders(reference, truth(reference), 6)
    components = ObjectPermanence().components(reference, tracks)
    assert ObjectPermanence().score(reference, tracks) == min(components.values()) < 1
