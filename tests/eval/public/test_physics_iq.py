"""Physics-IQ: masks on squares that move in a known way, scores against loops over the published formulae."""

import numpy as np
import pytest

from eval.public.measure import Comparison
from eval.public.physics_iq import (
    SceneValues,
    ViewValues,
    compare_view,
    frame_ious,
    motion_masks,
    physics_iq_score,
    scene_values,
    shrink_masks,
    spatial_iou,
    verified_score,
    weighted_spatial_iou,
)


def square_video(columns: list[int], contrast: int = 100, size: int = 24, shape: tuple[int, int] = (64, 160)):
    """Grey 60 with a brighter square whose left edge is at the given column in each frame; -1 = no square."""
    rgb = np.full((len(columns), *shape, 3), 60, np.uint8)
    for frame, column in zip(rgb, columns, strict=True):
        if column >= 0:
            frame[20 : 20 + size, column : column + size] = 60 + contrast
    return rgb


def test_a_jump_is_seen_where_the_square_was_and_where_it_is():
    masks = motion_masks(square_video([8, 80]))
    assert not masks[0].any()
    expected = np.zeros((64, 160), bool)
    expected[20:44, 8:32] = expected[20:44, 80:104] = True
    assert frame_ious(masks[1:], expected[None])[0] > 0.8
    assert not (expected & ~masks[1]).any()


def test_the_running_mean_weakens_contrast_by_three_tenths():
    assert not motion_masks(square_video([8, 80], contrast=14))[1].any()  # 0.7 x 14 = 9.8
    assert motion_masks(square_video([8, 80], contrast=17))[1].any()  # 0.7 x 17 = 11.9


def test_the_mean_forgets_a_square_that_stays():
    masks = motion_masks(square_video([8] + [80] * 12))
    assert masks[1:6].any((1, 2)).all()  # 100 x 0.7^k > 10 up to k = 6
    assert not masks[8:].any()


def test_ious_by_hand():
    first, second = np.zeros((2, 3, 1, 4), bool)
    first[0, 0, :2] = second[0, 0, 1:3] = True
    first[1, 0, :2] = True
    assert frame_ious(first, second).tolist() == pytest.approx([1 / 3, 0.0, 1.0])
    assert spatial_iou(first, second) == pytest.approx(1 / 3)
    assert weighted_spatial_iou(first, second) == pytest.approx((1 / 3) / (2 / 3 + 2 / 3 + 1 / 3))
    assert weighted_spatial_iou(first * False, second * False) == 1.0
    assert shrink_masks(np.ones((1, 8, 8), bool)).all() and shrink_masks(np.ones((1, 8, 8), bool)).shape == (1, 2, 2)


def test_errors_are_on_the_unit_scale():
    black, white = np.zeros((2, 16, 16, 3), np.uint8), np.full((2, 16, 16, 3), 255, np.uint8)
    values = compare_view(black, white)
    assert values.squared_error == pytest.approx((1.0, 1.0))
    assert values.spatiotemporal == (1.0, 1.0)  # nothing moves in either: perfect, says the measure


def random_table(seed: int, scenes: int = 4, views: int = 3, frames: int = 6) -> list[SceneValues]:
    rng = np.random.default_rng(seed)

    def view(low: float, high: float) -> ViewValues:
        numbers = rng.uniform(low, high, 2 + frames)
        return ViewValues(*numbers[:2], tuple(numbers[2:]), tuple(rng.uniform(0.001, 0.03, frames)))

    return [
        SceneValues(tuple(view(0.05, 0.5) for _ in range(views)), tuple(view(0.5, 0.7) for _ in range(views)))
        for _ in range(scenes)
    ]


def test_original_score_against_loops():
    table = random_table(0)
    spatial, weighted, temporal, error = [], [], [], []
    for scene in table:
        spatial.append(sum(v.spatial for v in scene.video) / 3)
        weighted.append(sum(v.weighted for v in scene.video) / 3)
        temporal.append(np.mean([round(x, 4) for v in scene.video for x in v.spatiotemporal]))
        error.append(np.mean([round(x, 4) for v in scene.video for x in v.squared_error]))
    chance = {"spatial": [], "weighted": [], "spatiotemporal": [], "squared_error": []}
    for view in range(3):
        for name in ("spatial", "weighted"):
            chance[name].append(np.mean([getattr(s.variance[view], name) for s in table]))
        for name in ("spatiotemporal", "squared_error"):
            chance[name].append(np.mean([round(x, 4) for s in table for x in getattr(s.variance[view], name)]))
    ratio = np.mean(temporal) / round(np.mean(chance["spatiotemporal"]), 4)
    ratio += np.mean(spatial) / round(np.mean(chance["spatial"]), 5)
    ratio += np.mean(weighted) / round(np.mean(chance["weighted"]), 4)
    expected = 100 * (ratio / 3 - (np.mean(error) - round(np.mean(chance["squared_error"]), 4)))
    assert physics_iq_score(table) == pytest.approx(round(expected, 2), abs=1e-9)


def test_verified_score_against_loops():
    table, found = random_table(1), []
    for scene in table:
        for video, chance in zip(scene.video, scene.variance, strict=True):
            ratios = [video.spatial / (chance.spatial + 1e-8), video.weighted / (chance.weighted + 1e-8)]
            for name in ("spatiotemporal", "squared_error"):
                mean = [np.mean([round(x, 4) for x in getattr(side, name)]) for side in (video, chance)]
                ratios.append(mean[0] / (mean[1] + 1e-8))
            ratios[-1] = 1 / ratios[-1]
            found.append(np.mean([min(1.0, ratio) for ratio in ratios]))
    assert verified_score(table) == pytest.approx(100 * np.mean(found), abs=1e-9)


def test_the_published_blind_spot():
    """A square that changes its colour costs next to nothing; standing still costs much."""
    path = list(range(4, 100, 8))
    first = square_video(path)
    other = first.copy()
    other[6:, ..., 2] = np.where(first[6:, ..., 2] == 160, 60, first[6:, ..., 2])
    second = np.clip(first.astype(int) + 1, 0, 255).astype(np.uint8)
    ids = (first[..., 0] == 160).astype(np.uint8)

    def values(video: np.ndarray) -> SceneValues:
        return scene_values(Comparison(first, second, video, ids, ids, 1))

    assert physics_iq_score([values(first)]) == pytest.approx(100.0, abs=0.1)
    assert physics_iq_score([values(other)]) > 90
    assert physics_iq_score([values(np.repeat(first[:1], len(first), 0))]) < 60
    assert verified_score([values(other)]) < verified_score([values(second)])
