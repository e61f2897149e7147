import math

import numpy as np
import pytest
from scipy import ndimage

from worldsim.codec.reconstruct import FidelityMeter, displacement, kept_contrast, mean_square, psnr, ssim


def disc(down: float, across: float, radius: float = 6.0, size: int = 32) -> np.ndarray:
    """A soft-edged light disc on grey, its middle anywhere between pixels."""
    rows, columns = np.mgrid[:size, :size] + 0.5
    inside = np.clip(radius + 0.5 - np.hypot(rows - down, columns - across), 0, 1)
    return np.repeat((60 + 140 * inside)[..., None], 3, axis=2)


def test_psnr_of_known_errors() -> None:
    assert psnr(0.0) == math.inf
    assert psnr(1.0) == pytest.approx(48.1308, abs=1e-4)
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert psnr(mean_square(black, white)) == pytest.approx(0.0)


def test_ssim_of_equal_shifted_and_inverted_pictures() -> None:
    rng = np.random.default_rng(0)
    picture = ndimage.gaussian_filter(rng.uniform(0, 255, (32, 32, 3)), (2, 2, 0)).astype(np.uint8)
    assert ssim(picture, picture) == pytest.approx(1.0)
    assert ssim(picture, 255 - picture) < 0.3
    flat = np.full((16, 16, 3), 100, np.uint8)
    means = (2 * 100 * 120 + 6.5025) / (100**2 + 120**2 + 6.5025)  # by hand: two flat pictures have no variance
    assert ssim(flat, np.full_like(flat, 120)) == pytest.approx(means, abs=1e-6)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, 0.0), (0.0, -0.4), (0.25, 0.5)])
def test_a_moved_disc_is_moved_by_what_is_measured(shift: tuple[float, float]) -> None:
    original, again = disc(16, 15), disc(16 + shift[0], 15 + shift[1])
    mask = np.hypot(*(np.mgrid[:32, :32] + 0.5 - np.array([16, 15])[:, None, None])) < 9
    measured = displacement(original, again, mask)
    assert measured is not None
    np.testing.assert_allclose(measured, shift, atol=0.03)


def test_a_flat_object_has_no_place() -> None:
    flat = np.full((16, 16, 3), 90.0)
    assert displacement(flat, flat, np.ones((16, 16), bool)) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_fading_object_keeps_its_share_of_contrast(share: float) -> None:
    original = disc(16, 16)
    again = (60 + share * (original - 60)).astype(np.uint8)
    mask = np.hypot(*(np.mgrid[:32, :32] + 0.5 - 16)) < 6
    kept = kept_contrast(original.astype(np.uint8), again, mask)
    assert kept == pytest.approx(share, abs=0.02)


def test_the_meter_names_objects_and_finds_the_lost_one() -> None:
    original = np.full((2, 48, 96, 3), 60, np.uint8)
    ids = np.zeros((2, 48, 96), np.uint8)
    original[:, 10:20, 10:20], ids[:, 10:20, 10:20] = 200, 1
    original[:, 20:30, 60:70], ids[:, 20:30, 60:70] = 220, 2
    again = original.copy()
    again[1, 20:30, 60:70] = 60
    meter = FidelityMeter(["floor", "ball", "box"])
    for number in range(2):
        meter.add(original[number], again[number], ids[number])
    found = meter.result()
    assert [one.name for one in found.objects] == ["ball", "box"]
    assert [one.lost_frames for one in found.objects] == [0, 1]
    assert found.objects[0].psnr == math.inf
    assert found.objects[0].displacement == pytest.approx(0, abs=1e-9)
    assert found.objects[1].psnr == pytest.approx(psnr(160**2 / 2))
    assert found.psnr == pytest.approx(psnr(160**2 * 100 / (2 * 48 * 96)))
