"""HOTA and IDF1 against the reference package, TAP-Vid against loops over its definition."""

import numpy as np
import pytest

from eval.public.tracking import THRESHOLDS, Detections, hota_scores, idf1, mask_detections, object_points, point_scores


def sequence(seed: int, frames: int = 24) -> list[Detections]:
    """A random sequence in which three of four objects are followed, with gaps, a swap and strangers."""
    rng, found = np.random.default_rng(seed), []
    for frame in range(frames):
        true = np.flatnonzero(rng.random(4) < 0.9)
        guess = np.flatnonzero(rng.random(5) < 0.8)
        overlap = 0.3 * rng.random((len(true), len(guess)))
        for row, number in enumerate(true):
            target = number if frame < frames // 2 or number > 1 else 1 - number
            overlap[row, guess == target] = 0.4 + 0.6 * rng.random()
        found.append(Detections(true, guess, overlap))
    return found


@pytest.mark.parametrize(
    ("seed", "hota", "detection", "association", "identity"),
    [
        (0, 0.376113940878, 0.44081567985, 0.324657973133, 0.486187845304),
        (1, 0.374518852143, 0.420296302133, 0.334721671661, 0.505376344086),
        (2, 0.399629183189, 0.456452516304, 0.354806548919, 0.524064171123),
    ],
)
def test_hota_and_idf1_are_those_of_trackeval(seed, hota, detection, association, identity):
    """The values are those of trackeval 1.3.0 on the same sequences."""
    scores = hota_scores(sequence(seed))
    assert scores.hota == pytest.approx(hota, abs=1e-9)
    assert scores.detection == pytest.approx(detection, abs=1e-9)
    assert scores.association == pytest.approx(association, abs=1e-9)
    assert idf1(sequence(seed)) == pytest.approx(identity, abs=1e-9)


def test_trackeval_agrees_where_it_is_installed():
    metrics = pytest.importorskip("trackeval.metrics")
    frames = sequence(7)
    data = {
        "num_gt_ids": 4,
        "num_tracker_ids": 5,
        "num_gt_dets": sum(len(frame.true_ids) for frame in frames),
        "num_tracker_dets": sum(len(frame.found_ids) for frame in frames),
        "gt_ids": [frame.true_ids for frame in frames],
        "tracker_ids": [frame.found_ids for frame in frames],
        "similarity_scores": [frame.overlap for frame in frames],
    }
    theirs, ours = metrics.HOTA().eval_sequence(data), hota_scores(frames)
    assert ours.hota == pytest.approx(theirs["HOTA"].mean(), abs=1e-12)
    assert ours.detection == pytest.approx(theirs["DetA"].mean(), abs=1e-12)
    assert ours.association == pytest.approx(theirs["AssA"].mean(), abs=1e-12)
    config = {"THRESHOLD": 0.5, "PRINT_CONFIG": False}
    assert idf1(frames) == pytest.approx(metrics.Identity(config).eval_sequence(data)["IDF1"], abs=1e-12)


def test_masks_become_detections():
    truth = np.zeros((2, 4, 4), np.uint8)
    truth[0, :2, :2], truth[1, :2, :2] = 1, 1
    found = np.zeros_like(truth)
    found[0, :2, :2], found[1, :2, 1:3] = 1, 1
    frames = mask_detections(truth, found)
    assert frames[0].overlap == pytest.approx(np.ones((1, 1)))
    assert frames[1].overlap == pytest.approx(np.full((1, 1), 2 / 6))
    assert hota_scores(mask_detections(truth, truth)).hota == pytest.approx(1.0)
    assert hota_scores(mask_detections(truth, np.zeros_like(truth))).hota == 0.0
    assert idf1(frames) == pytest.approx(2 * 1 / 4)


@pytest.mark.parametrize("mode", ["first", "strided"])
def test_points_against_loops_over_the_definition(mode):
    rng = np.random.default_rng(3)
    count, frames = 5, 12
    queries = rng.integers(0, 6, count)
    true = rng.uniform(0, 256, (count, frames, 2))
    guess = true + rng.normal(0, 5, true.shape)
    hidden, claimed_hidden = rng.random((2, count, frames)) < 0.3
    agree = asked = 0
    within, jaccard = [], []
    for threshold in THRESHOLDS:
        near_shown = shown = right = wrong = 0
        for point in range(count):
            for frame in range(frames):
                if frame == queries[point] or (mode == "first" and frame < queries[point]):
                    continue
                near = np.hypot(*(guess - true)[point, frame]) < threshold
                visible, claims = not hidden[point, frame], not claimed_hidden[point, frame]
                shown += visible
                near_shown += visible and near
                right += visible and near and claims
                wrong += claims and not (visible and near)
                if threshold == 1.0:
                    asked += 1
                    agree += visible == claims
        within.append(near_shown / shown)
        jaccard.append(right / (shown + wrong))
    scores = point_scores(queries, hidden, true, claimed_hidden, guess, mode)
    assert scores.occlusion_accuracy == pytest.approx(agree / asked, abs=1e-12)
    assert scores.within == pytest.approx(np.mean(within), abs=1e-12)
    assert scores.jaccard == pytest.approx(np.mean(jaccard), abs=1e-12)


def test_centres_are_read_on_the_raster():
    ids = np.zeros((1, 64, 128), np.uint8)
    ids[0, 10:12, 20:24] = 3
    hidden, tracks = object_points(ids, np.array([3, 5]))
    assert hidden.tolist() == [[False], [True]]
    assert tracks[0, 0] == pytest.approx([22 * 2, 11 * 4])
