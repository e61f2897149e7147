"""PISA, VBench's flicker, PSNR and SSIM against hand-computed values and other programs."""

import numpy as np
import pytest

from eval.public import PUBLIC_MEASURES, Comparison
from eval.public.pisa import pisa_chamfer, pisa_iou, pisa_l2
from eval.public.pixels import psnr, ssim, temporal_flickering


def squares(places: list[tuple[int, int] | None], size: int = 4, shape: tuple[int, int] = (40, 60)) -> np.ndarray:
    masks = np.zeros((len(places), *shape), bool)
    for mask, place in zip(masks, places, strict=True):
        if place is not None:
            mask[place[0] : place[0] + size, place[1] : place[1] + size] = True
    return masks


def test_pisa_of_an_upright_shift():
    truth, video = squares([(2, 5)] * 3), squares([(2, 5), (5, 5), (8, 5)])
    # |dy| is 0, 3, 6 and |dx| is 0: their mean is 1.5, half of the mean distance
    assert pisa_l2(truth, video) == pytest.approx(1.5 / np.sqrt(2) / 40, abs=1e-12)
    assert pisa_iou(truth, video) == pytest.approx((1 + 4 / 28 + 0) / 3, abs=1e-12)


def test_pisa_chamfer_by_brute_force():
    rng = np.random.default_rng(0)
    truth, video = rng.random((2, 4, 12, 9)) < 0.2
    found = []
    for first, second in zip(truth, video, strict=True):
        a, b = np.argwhere(first), np.argwhere(second)
        distance = np.linalg.norm(a[:, None] - b[None], axis=-1)
        found.append(distance.min(0).mean() + distance.min(1).mean())
    assert pisa_chamfer(truth, video) == pytest.approx(np.mean(found) / np.sqrt(2) / 12, abs=1e-12)


def test_pisa_does_not_see_an_object_that_is_gone():
    truth = squares([(2, 5 + k) for k in range(32)])
    video = truth.copy()
    video[1:] = False
    assert pisa_l2(truth, video) == 0.0
    assert pisa_chamfer(truth, video) == 0.0
    assert pisa_iou(truth, video) == pytest.approx(1 / 32)
    assert np.isnan(pisa_l2(truth, truth & False))
    assert pisa_iou(truth & False, truth & False) == 1.0


def test_flicker_by_hand():
    rgb = np.zeros((3, 4, 4, 3), np.uint8)
    rgb[1] = 51
    assert temporal_flickering(rgb) == pytest.approx((255 - 51) / 255, abs=1e-6)
    assert temporal_flickering(rgb[:1].repeat(5, 0)) == 1.0


def test_psnr_by_hand():
    first = np.zeros((2, 4, 4, 3), np.uint8)
    second = first.copy()
    second[1] = 16
    assert psnr(first, second) == pytest.approx((100 + 10 * np.log10(255**2 / 256)) / 2, abs=1e-9)


def test_ssim_is_that_of_scikit_image():
    """scikit-image 0.25, structural_similarity with Gaussian weights and sample_covariance off."""
    rng = np.random.default_rng(11)
    first = rng.integers(0, 256, (2, 24, 20, 3), dtype=np.uint8)
    second = np.clip(first.astype(int) + rng.integers(-40, 41, first.shape), 0, 255).astype(np.uint8)
    assert ssim(first, second) == pytest.approx(0.9551348130718637, abs=1e-9)


@pytest.mark.parametrize("name", list(PUBLIC_MEASURES))
def test_truth_is_best_and_every_measure_says_its_defects(name):
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 200, (8, 48, 64, 3)).astype(np.uint8)
    ids = squares([(10, 4 + 5 * k) for k in range(8)], 10, (48, 64)).astype(np.uint8)
    truth[ids > 0] = (250, 20, 20)
    second = np.clip(truth.astype(int) + rng.integers(-2, 3, truth.shape), 0, 255).astype(np.uint8)
    measure = PUBLIC_MEASURES.get(name)()
    worse = np.zeros_like(ids)
    worse[:4] = ids[:4]
    blank = truth.copy()
    blank[4:] = np.roll(truth[4:], 17, axis=2)
    good = measure.measure(Comparison(truth, second, truth, ids, ids, 1))
    bad = measure.measure(Comparison(truth, second, blank, ids, worse, 1))
    sign = 1 if measure.info.direction == "higher" else -1
    assert sign * good >= sign * bad
    assert measure.info.name == name and measure.info.defects and measure.info.source
