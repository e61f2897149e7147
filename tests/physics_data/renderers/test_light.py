"""The closed forms of shadows and distances against rays and searches."""

import math

import numba
import numpy as np
import pytest

from physics_data.renderers.kernels.intersect import enter_solid
from physics_data.renderers.kernels.light import ambient_past, distance_to, sunlight_past
from physics_data.renderers.kernels.scene_struct import BOX, CHECKER, CYLINDER, SPHERE, STRIPES
from physics_data.renderers.kernels.shade import encode
from physics_data.renderers.kernels.texture import second_share

SHAPES = {
    "sphere": (SPHERE, (0.5, 0.0, 0.0)),
    "box": (BOX, (0.3, 0.7, 0.2)),
    "cylinder": (CYLINDER, (0.4, 0.4, 0.6)),
}


@numba.njit
def shares(kind, size, points, suns, softness, footprint):
    visible = np.empty(len(points))
    entered = np.empty(len(points))
    for i in range(len(points)):
        point = (points[i, 0], points[i, 1], points[i, 2])
        sun = (suns[i, 0], suns[i, 1], suns[i, 2])
        visible[i] = sunlight_past(kind, size, 1.2, point, sun, softness, footprint)
        entered[i] = enter_solid(kind, size, point, sun)[0]
    return visible, entered


@numba.njit
def distances(kind, size, points):
    return np.array([distance_to(kind, size, (points[i, 0], points[i, 1], points[i, 2])) for i in range(len(points))])


@numba.njit
def pattern_share(pattern, x, y, footprint, slope):
    toward = (math.sqrt(1 - slope * slope), 0.0, -slope)
    return second_share(pattern, 1.0, (x, y, 0.0), (0.0, 0.0, 1.0), toward, footprint, False)


@numba.njit
def ambient(kind, size, point, normal, reach):
    return ambient_past(kind, size, point, normal, reach)


def outside_points(kind: int, size: tuple[float, ...], count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    points = rng.uniform(-1.5, 1.5, size=(count, 3))
    return points[distances(kind, size, points) > 1e-3]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sharp_shadow_is_where_a_ray_to_the_sun_is_stopped(shape: str) -> None:
    kind, size = SHAPES[shape]
    points = outside_points(kind, size, 20000)
    suns = np.random.default_rng(1).normal(size=points.shape)
    suns /= np.linalg.norm(suns, axis=1, keepdims=True)
    visible, entered = shares(kind, size, points, suns, 0.0, 1e-7)
    stopped = entered > 0
    assert 0.02 < stopped.mean() < 0.9
    assert ((visible < 0.5) == stopped).mean() > 0.9995


@pytest.mark.parametrize("shape", SHAPES)
def test_a_soft_shadow_is_that_of_a_sun_with_a_size(shape: str) -> None:
    """Against the share of rays to points of the sun's disc that get past; the closed form may be off by the shape
    of its edge, so only clear cases and the average are compared.
    """
    kind, size = SHAPES[shape]
    softness = 0.1
    points = outside_points(kind, size, 1500)
    rng = np.random.default_rng(2)
    suns = rng.normal(size=points.shape)
    suns /= np.linalg.norm(suns, axis=1, keepdims=True)
    visible, _ = shares(kind, size, points, suns, softness, 0.0)
    angle, radius = rng.uniform(0, 2 * np.pi, 200), softness * np.sqrt(rng.uniform(0, 1, 200))
    passed = np.zeros(len(points))
    for a, r in zip(angle, radius, strict=True):
        first = np.cross(suns, [0.3, 0.5, 0.8])
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        rays = suns + r * (np.cos(a) * first + np.sin(a) * np.cross(suns, first))
        passed += shares(kind, size, points, rays, 0.0, 1e-7)[1] <= 0
    passed /= len(angle)
    assert np.abs(visible - passed).mean() < 0.02
    assert (visible[passed == 1] > 0.5).mean() > 0.99
    assert (visible[passed == 0] < 0.5).mean() > 0.99


@pytest.mark.parametrize("shape", SHAPES)
def test_the_distance_to_a_solid_is_that_of_its_nearest_point(shape: str) -> None:
    kind, size = SHAPES[shape]
    rng = np.random.default_rng(3)
    inside = rng.uniform(-0.8, 0.8, size=(400000, 3))
    inside = inside[distances(kind, size, inside) < 0]
    points = outside_points(kind, size, 12)
    nearest = np.array([np.linalg.norm(inside - point, axis=1).min() for point in points])
    np.testing.assert_allclose(distances(kind, size, points), nearest, atol=0.03)


def test_the_sky_is_hidden_by_what_is_near_and_nothing_else() -> None:
    kind, size = SHAPES["sphere"]
    up = (0.0, 0.0, 1.0)
    beneath, beside, far = ((x, 0.0, -0.5) for x in (0.01, 0.6, 3.0))
    shares_left = [ambient(kind, size, point, up, 0.4) for point in (beneath, beside, far)]
    assert shares_left[0] < 0.5 < shares_left[1] < 1.0
    assert shares_left[2] == 1.0


def test_a_pattern_is_sharp_up_close_and_even_far_away() -> None:
    assert pattern_share(CHECKER, 0.25, 0.25, 1e-3, 0.7) == 0.0
    assert pattern_share(CHECKER, 0.75, 0.25, 1e-3, 0.7) == 1.0
    assert pattern_share(CHECKER, 0.75, 0.75, 1e-3, 0.7) == 0.0
    for pattern in (CHECKER, STRIPES):
        assert pattern_share(pattern, 0.37, 0.21, 40.0, 0.1) == pytest.approx(0.5, abs=0.02)


def test_a_pattern_averages_over_the_pixel() -> None:
    """Looking straight down, the footprint is a square: compare with the mean of a fine grid of samples."""
    fine = np.linspace(-0.5, 0.5, 201) * 0.3
    for x, y in [(0.1, 0.2), (0.45, 0.27), (0.52, 0.98)]:
        parity = (np.floor(2 * (x + fine))[:, None] + np.floor(2 * (y + fine))[None]) % 2
        assert pattern_share(CHECKER, x, y, 0.3, 1.0) == pytest.approx(parity.mean(), abs=0.01)


@numba.njit
def encoded(table, values):
    found = np.empty(len(values), dtype=np.uint8)
    for i in range(len(values)):
        found[i] = encode(table, values[i])
    return found


def test_a_colour_that_is_no_number_is_black_and_none_is_read_from_outside_the_table() -> None:
    table = np.arange(1, 101, dtype=np.uint8)
    values = np.array([math.nan, -math.inf, -1e300, -0.0, 0.0, 0.5, 1.0, 1.0 + 1e-9, 7.0, 1e300, math.inf])
    expected = [1, 1, 1, 1, 1, 51, 100, 100, 100, 100, 100]
    np.testing.assert_array_equal(encoded(table, values), expected)
    with np.errstate(invalid="raise"):
        np.testing.assert_array_equal([encode.py_func(table, value) for value in values], expected)
