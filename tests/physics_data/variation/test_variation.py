import itertools

import numpy as np
import pytest

from physics_data.core.errors import ConfigError
from physics_data.core.geometry import view_of
from physics_data.variation.cameras import sample_side_view
from physics_data.variation.colors import COLORS, FLOORS, SCREEN, sample_colors, sample_floor, sample_lighting


def test_named_colours_are_well_apart():
    for (name, first), (other, second) in itertools.combinations(COLORS.items(), 2):
        assert np.linalg.norm(np.subtract(first, second)) >= 0.3, f"{name} and {other}"


def test_floors_and_screen_are_muted():
    for look in (*FLOORS.values(), SCREEN):
        assert np.ptp(look.albedo) < 0.2


def test_every_colour_of_the_palette_is_drawn_and_none_twice():
    rng = np.random.default_rng(0)
    drawn = [sample_colors(rng, ("red", "blue", "green"), 2) for _ in range(60)]
    assert {look.color_name for pair in drawn for look in pair} == {"red", "blue", "green"}
    assert all(first.color_name != second.color_name for first, second in drawn)
    assert all(look.albedo == COLORS[look.color_name] for pair in drawn for look in pair)


def test_the_order_of_the_palette_does_not_matter():
    draws = [sample_colors(np.random.default_rng(5), palette, 1) for palette in (("red", "blue"), ("blue", "red"))]
    assert draws[0] == draws[1]


def test_a_palette_that_is_too_small_or_unknown_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="has 1 colours, this scenario needs 2 different ones; add some of black"):
        sample_colors(rng, ("red", "red"), 2)
    with pytest.raises(ConfigError, match="no colour 'gren'.*Did you mean 'green'"):
        sample_colors(rng, ("gren",), 1)
    with pytest.raises(ConfigError, match="no floor is given; write at least one of checker, grey"):
        sample_floor(rng, ())


def test_the_sun_is_high_and_on_the_cameras_side():
    rng = np.random.default_rng(0)
    for _ in range(50):
        lighting = sample_lighting(rng)
        assert np.linalg.norm(lighting.sun_direction) == pytest.approx(1.0)
        assert lighting.sun_direction[2] > 0.8
        assert lighting.sun_direction[1] < 0


def test_the_view_shows_four_metres_of_the_plane_and_the_floor():
    rng = np.random.default_rng(0)
    for _ in range(20):
        camera = sample_side_view(rng, 5.5, 1.8, 1.45, 40.0, 0.05)
        view = view_of(camera, 64, 64)
        corners = view.unproject_to_plane(
            np.array([[32.0, 0.0], [32.0, 64.0], [0.0, 32.0], [64.0, 32.0]]), np.zeros(3), np.array([0.0, 1.0, 0.0])
        )
        assert 3.8 < corners[0, 2] - corners[1, 2] < 4.3
        assert 3.8 < corners[3, 0] - corners[2, 0] < 4.3
        x, y, depth = view.project(np.zeros(3))
        assert 0 < x < 64 and 0 < y < 64 and depth > 0, "the floor below the scene is seen"
        assert view.world_from_camera[1, 2] > 0.9, "it looks along +y"
