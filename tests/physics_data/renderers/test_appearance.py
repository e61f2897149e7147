"""Textures, materials, glass, mirrors and lamps against closed forms, geometry, and the plain renderer."""

import math

import numba
import numpy as np
import pytest
from random_scenes import FLOOR, at_rest, make_scene, random_scene, solid, tumbling, without_contacts

from physics_data.core.geometry import view_of
from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
    Camera,
    Capsule,
    Compound,
    Ellipsoid,
    Lamp,
    Lighting,
    Mesh,
    Part,
    SceneSpec,
    Sensor,
    Sphere,
)
from physics_data.renderers.appearance_arrays import needs_rich
from physics_data.renderers.kernels.texture import gradient_noise, hashed_share, turn_of
from physics_data.renderers.raycast import RaycastRenderer
from physics_data.renderers.textures import srgb_decoded

AHEAD = Camera(position=(0, -5, 1), target=(0, 0, 1), fov_y=40)
ABOVE = Camera(position=(0, -2.5, 4), target=(0, 0, 0), fov_y=40)
DARK = Lighting(sun_intensity=0, ambient_intensity=0, sky_zenith=(0, 0, 0), sky_horizon=(0, 0, 0))
WITH_RICH = Sensor(exposure=1e-9)
"""Changes nothing, but is beyond a plain appearance."""


def draw(spec: SceneSpec, **changes: object) -> np.ndarray:
    spec = spec.model_copy(update=changes)
    return RaycastRenderer().render(spec, at_rest(spec)).rgb[0].astype(int)


def linear(rgb: np.ndarray) -> np.ndarray:
    return srgb_decoded()[rgb].astype(np.float64)


def dressed(body: Body, **look: object) -> Body:
    return body.model_copy(update={"appearance": Appearance(**(body.appearance.model_dump() | look))})


def pixel_of(spec: SceneSpec, point: tuple[float, float, float]) -> tuple[int, int]:
    x, y, _ = view_of(spec.camera, spec.width, spec.height).project(np.array(point, dtype=np.float64))
    return int(y), int(x)


@numba.njit
def noise_at(points):
    return np.array([gradient_noise(p[0], p[1], p[2]) for p in points])


@numba.njit
def hashes(count):
    return np.array([hashed_share(i, 7 * i - 3, -i) for i in range(count)])


@numba.njit
def turns(ys, xs):
    return np.array([turn_of(ys[i], xs[i]) for i in range(len(ys))])


@pytest.mark.parametrize("seed", range(2))
def test_plain_looks_are_drawn_as_the_plain_renderer_draws_them(seed) -> None:
    rng = np.random.default_rng(seed)
    spec = random_scene(rng, frames=2, has_wall=True)
    trajectory = tumbling(spec, rng)
    rich = spec.model_copy(update={"sensor": WITH_RICH})
    assert needs_rich(rich) and not needs_rich(spec)
    plain, drawn = (RaycastRenderer().render(scene, trajectory) for scene in (spec, rich))
    assert np.abs(plain.rgb.astype(int) - drawn.rgb.astype(int)).max() <= 1
    for name in ("instance_ids", "depth_map", "amodal_masks"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(drawn, name))


def test_every_shape_is_drawn_as_the_plain_renderer_draws_it() -> None:
    corners = ((0.4, 0, 0), (-0.4, 0, 0), (0, 0.4, 0), (0, -0.4, 0), (0, 0, 0.5), (0, 0, -0.5))
    upper, lower = ((0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4)), ((2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5))
    cross = Compound(
        parts=(
            Part(shape=Box(half_extents=(0.5, 0.1, 0.1))),
            Part(shape=Capsule(radius=0.1, half_height=0.3), position=(0.2, 0, 0.2)),
        )
    )
    spec = make_scene(
        FLOOR,
        solid("capsule", Capsule(radius=0.25, half_height=0.3), (-1.2, 0, 0.5), (0.8, 0.6, 0, 0)),
        solid("ellipsoid", Ellipsoid(half_axes=(0.5, 0.3, 0.2)), (-0.2, 0.5, 0.4)),
        solid("mesh", Mesh(vertices=corners, triangles=upper + lower), (0.6, 0, 0.5)),
        solid("cross", cross, (0.9, -0.8, 0.3), (0.8, 0, 0, 0.6)),
        camera=ABOVE,
        width=96,
        height=96,
    )
    assert np.abs(draw(spec) - draw(spec, sensor=WITH_RICH)).max() <= 1


def test_exposure_doubles_dark_light_with_each_stop() -> None:
    spec = make_scene(FLOOR, camera=ABOVE, frames=1)
    lighting = Lighting(sun_intensity=0.1, ambient_intensity=0.02, sky_horizon=(0.1, 0.1, 0.1))
    base = linear(draw(spec, lighting=lighting))
    for stops in (1.0, 2.0, -1.0):
        brighter = linear(draw(spec, lighting=lighting, sensor=Sensor(exposure=stops)))
        assert brighter.mean() / base.mean() == pytest.approx(2.0**stops, rel=0.03)


def test_a_mirror_shows_a_body_where_geometry_says() -> None:
    """A point at height h over a floor that mirrors is seen in it where a point at -h would be."""
    floor = dressed(FLOOR, metallic=1.0, roughness=0.0, specular=0.0, albedo=(1, 1, 1))
    place = (0.3, 0.2, 0.7)
    ball = solid("ball", Sphere(radius=0.1), place)
    spec = make_scene(floor, ball, camera=AHEAD, width=200, height=200)
    rgb = draw(spec, lighting=Lighting(casts_shadows=False))
    ids = RaycastRenderer().render(spec, at_rest(spec)).instance_ids[0]
    redness = (rgb[..., 0] - rgb[..., 2]) * (ids == 0)
    rows, columns = np.nonzero(redness > 60)
    row, column = pixel_of(spec, (place[0], place[1], -place[2]))
    assert abs(rows.mean() - row) < 1.0 and abs(columns.mean() - column) < 1.0
    direct = np.count_nonzero(ids == 1)
    assert len(rows) == pytest.approx(direct * (5.0 / 5.3) ** 2, rel=0.25)


def test_an_upright_mirror_shows_what_stands_before_it_as_far_behind_it() -> None:
    mirror = dressed(solid("mirror", Box(half_extents=(1.0, 0.1, 1.0)), (0, 1.1, 1.0)), metallic=1.0, roughness=0.0)
    mirror = dressed(mirror, albedo=(1, 1, 1), specular=0.0)
    ball = solid("ball", Sphere(radius=0.12), (0.7, -1.5, 0.35))
    spec = make_scene(mirror, ball, camera=AHEAD, width=240, height=240)
    lighting = Lighting(sun_intensity=0, ambient_intensity=1, sky_zenith=(1, 1, 1), sky_horizon=(1, 1, 1))
    rgb = draw(spec, lighting=lighting)
    ids = RaycastRenderer().render(spec, at_rest(spec)).instance_ids[0]
    rows, columns = np.nonzero(((rgb[..., 0] - rgb[..., 2]) > 60) & (ids == 1))
    row, column = pixel_of(spec, (0.7, 3.5, 0.35))
    assert abs(rows.mean() - row) < 1.5 and abs(columns.mean() - column) < 1.5


def test_a_rough_mirror_shows_less_of_what_is_before_it() -> None:
    redness = []
    for roughness in (0.0, 0.4, 1.0):
        floor = dressed(FLOOR, metallic=1.0, roughness=roughness, specular=0.0, albedo=(0.9, 0.9, 0.9))
        spec = make_scene(floor, solid("ball", Sphere(radius=0.3), (0, 0, 0.7)), camera=AHEAD, width=64, height=64)
        row, column = pixel_of(spec, (0, 0, -0.7))
        rgb = draw(spec)
        redness.append(int(rgb[row, column, 0] - rgb[row, column, 2]))
    assert redness[0] > redness[1] + 20 and redness[1] > redness[2] + 10


def test_glass_shows_what_is_behind_it_and_keeps_its_own_label() -> None:
    """Straight through: t - r of what is behind, 1 - t of the pane itself, with r = 0.04 t mirrored."""
    clear = 0.7
    ball = solid("ball", Sphere(radius=0.4), (0, 1.5, 1))
    pane = dressed(solid("pane", Box(half_extents=(0.6, 0.05, 0.6)), (0, 0, 1)), albedo=(0.2, 0.2, 0.2), specular=0.0)
    lighting = Lighting(casts_shadows=False, sky_zenith=(0, 0, 0), sky_horizon=(0, 0, 0), ambient_intensity=0.6)
    spec = make_scene(ball, pane, camera=AHEAD, width=65, height=65).model_copy(update={"lighting": lighting})
    through = spec.model_copy(update={"bodies": (ball, dressed(pane, transparency=clear))})
    behind = draw(spec.without("pane"), sensor=WITH_RICH)[32, 32]
    own = draw(spec, sensor=WITH_RICH)[32, 32]
    seen = draw(through)[32, 32]
    expected = 0.96 * clear * linear(behind) + (1 - clear) * linear(own)
    np.testing.assert_allclose(linear(seen), expected, atol=0.02)
    ids = RaycastRenderer().render(through, at_rest(through)).instance_ids[0]
    assert ids[32, 32] == 2


def test_glass_casts_a_fainter_shadow() -> None:
    lighting = Lighting(sun_direction=(0.0, 0.0, 1.0))
    shadow = []
    for clear in (0.0, 0.5, 0.9):
        box = dressed(solid("box", Box(half_extents=(0.3, 0.3, 0.02)), (0, 0, 1.5)), transparency=clear)
        spec = make_scene(FLOOR, box, camera=Camera(position=(0, -4, 1), target=(0, 0, 0), fov_y=30))
        row, column = pixel_of(spec, (0, 0, 0))
        shadow.append(int(draw(spec, lighting=lighting, sensor=WITH_RICH)[row, column].sum()))
    assert shadow[0] < shadow[1] - 20 < shadow[2] - 40


@pytest.mark.parametrize("height", [0.8, 1.3])
def test_the_light_of_a_lamp_falls_with_the_square_of_the_distance(height) -> None:
    """On a floor below a lamp: albedo × intensity × cos / distance², times what the haze leaves."""
    lamp = Lamp(position=(0.2, 0, height), intensity=0.5, radius=0.01)
    spec = make_scene(dressed(FLOOR, specular=0.0), camera=ABOVE, width=64, height=64)
    rgb = linear(draw(spec, lighting=DARK.model_copy(update={"lamps": (lamp,)})))
    view = view_of(spec.camera, 64, 64)
    for x in (0.2, -0.6, 0.9):
        row, column = pixel_of(spec, (x, 0.1, 0.0))
        point = view.unproject_to_plane(np.array([column + 0.5, row + 0.5]), np.zeros(3), np.array([0.0, 0.0, 1.0]))
        squared = float(((point - np.array(lamp.position)) ** 2).sum())
        depth = view.project(point)[2]
        haze = (depth / (5.5 * math.hypot(2.5, 4))) ** 4
        expected = 0.5 * 0.5 * (height / math.sqrt(squared)) / squared / (1 + haze)
        if expected < 0.7:
            assert rgb[row, column, 0] == pytest.approx(expected, rel=0.03)


def test_a_lamp_casts_a_shadow_away_from_itself_and_not_behind_itself() -> None:
    ball = solid("ball", Sphere(radius=0.15), (0.3, 0, 0.6))
    lamp = Lamp(position=(0, 0, 1.2), intensity=0.5, radius=0.05)
    high = solid("high", Sphere(radius=0.2), (0, 0, 1.6))
    spec = make_scene(FLOOR, ball, high, camera=ABOVE, width=96, height=96)
    lighting = DARK.model_copy(update={"lamps": (lamp,)})
    rgb, lit = draw(spec, lighting=lighting), draw(spec.without("ball").without("high"), lighting=lighting)
    row, column = pixel_of(spec, (0.6, 0, 0))
    assert rgb[row, column].sum() < 0.2 * lit[row, column].sum()
    for x in (-0.3, 1.2):
        row, column = pixel_of(spec, (x, 0.1, 0))
        assert abs(rgb[row, column] - lit[row, column]).max() <= 1


def test_a_rougher_surface_has_a_wider_and_fainter_highlight() -> None:
    sizes, peaks = [], []
    for roughness in (0.2, 0.35, 0.7):
        ball = dressed(solid("ball", Sphere(radius=0.6), (0, 0, 1)), specular=0.3, roughness=roughness)
        spec = make_scene(ball, camera=AHEAD, width=96, height=96)
        gloss = (
            draw(spec, sensor=WITH_RICH)[..., 2]
            - draw(spec.model_copy(update={"bodies": (dressed(ball, specular=0),)}), sensor=WITH_RICH)[..., 2]
        )
        peaks.append(gloss.max())
        sizes.append(np.count_nonzero(gloss > 0.5 * gloss.max()))
    assert sizes[0] < sizes[1] < sizes[2]
    assert peaks[0] > peaks[1] > peaks[2] > 0


@pytest.mark.parametrize("pattern", ["dots", "wood", "marble", "noise"])
def test_a_pattern_is_averaged_over_the_pixel(pattern) -> None:
    """A small picture is the mean of a large one's pixels; one that cannot resolve its pattern does not alias."""
    look = {"pattern": pattern, "albedo": (0.6, 0.6, 0.6), "second_albedo": (0.1, 0.1, 0.1), "specular": 0.0}
    low = Camera(position=(0, -3, 0.6), target=(0, 0, 0.3), fov_y=40)
    for camera, scale, error in ((ABOVE, 0.3, 0.03), (low, 0.15, 0.03), (ABOVE, 0.07, 0.07)):
        spec = make_scene(dressed(FLOOR, pattern_scale=scale, **look), camera=camera, width=48, height=48)
        small = linear(draw(spec))
        large = linear(draw(spec, width=48 * 5, height=48 * 5)).reshape(48, 5, 48, 5, 3).mean(axis=(1, 3))
        assert large.std() > 0.02, "there is a pattern to see"
        assert np.abs(small - large).mean() < error
        assert abs(small.mean() - large.mean()) < 0.015
        assert small.std() < 1.1 * large.std()


@pytest.mark.parametrize("pattern", ["dots", "wood", "marble", "noise"])
def test_patterns_turn_with_the_body(pattern) -> None:
    box = dressed(
        solid("box", Box(half_extents=(0.5, 0.5, 0.5)), (0, 0, 1)),
        pattern=pattern, pattern_scale=0.3, second_albedo=(0.1, 0.0, 0.0),
    )  # fmt: skip
    spec = make_scene(box, camera=AHEAD, width=64, height=64)
    upright = draw(spec, lighting=DARK.model_copy(update={"ambient_intensity": 0.8}))
    half_turn = (math.cos(math.pi / 2), 0.0, math.sin(math.pi / 2), 0.0)
    turned = box.model_copy(update={"orientation": half_turn})
    upside_down = draw(spec, bodies=(turned,), lighting=DARK.model_copy(update={"ambient_intensity": 0.8}))
    assert np.ptp(upright[24:40, 24:40, 0]) > 20
    # The same face is seen, turned by half a turn; light from above and below differs little in the middle.
    np.testing.assert_allclose(upright[24:40, 24:40, 0], upside_down[24:40, 24:40, 0][::-1, ::-1], atol=6)


def test_bodies_of_one_stuff_and_different_names_look_different() -> None:
    first, second = (
        dressed(solid(name, Sphere(radius=0.5), (0, 0, 1)), pattern="marble", pattern_scale=0.2)
        for name in ("first", "second")
    )
    spec = make_scene(first, camera=AHEAD)
    assert (draw(spec) != draw(spec, bodies=(second,))).mean() > 0.02


def test_frames_painted_over_a_common_background_are_those_painted_alone() -> None:
    """A floor of wood is painted once for all frames; each frame alone gives the same picture."""
    rng = np.random.default_rng(8)
    spec = random_scene(rng, frames=3)
    bodies = tuple(dressed(body, pattern="wood", pattern_scale=0.1) for body in spec.bodies)
    spec = spec.model_copy(update={"bodies": bodies})
    trajectory = tumbling(spec, rng)
    together = RaycastRenderer().render(spec, trajectory).rgb
    for frame in range(3):
        one = without_contacts(trajectory.position[frame : frame + 1], trajectory.orientation[frame : frame + 1])
        alone = RaycastRenderer().render(spec.model_copy(update={"num_frames": 1}), one).rgb[0]
        np.testing.assert_array_equal(together[frame], alone)


def test_equal_arguments_give_equal_bytes_with_any_number_of_threads() -> None:
    rng = np.random.default_rng(3)
    spec = random_scene(rng)
    appearances = [{"pattern": "wood"}, {"metallic": 0.8, "roughness": 0.1}, {"transparency": 0.6}, {"pattern": "dots"}]
    bodies = tuple(
        dressed(body, **appearances[index % 4]) if body.is_instance else body for index, body in enumerate(spec.bodies)
    )
    lamp = Lamp(position=(1, -1, 2))
    spec = spec.model_copy(update={"bodies": bodies, "lighting": Lighting(lamps=(lamp,))})
    trajectory = tumbling(spec, rng)
    first, again = (RaycastRenderer(num_threads=n).render(spec, trajectory).rgb for n in (1, 3))
    np.testing.assert_array_equal(first, again)


def test_noise_is_zero_at_lattice_points_even_and_bounded() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-50, 50, size=(20000, 3))
    values = noise_at(points)
    np.testing.assert_allclose(noise_at(np.round(points[:50])), 0.0, atol=1e-12)
    assert abs(values.mean()) < 0.01
    assert 0.25 < values.std() < 0.6
    assert np.abs(values).max() < 1.8
    near = noise_at(points + 1e-4)
    assert np.abs(near - values).max() < 2e-3


def test_hashes_are_evenly_spread() -> None:
    counts, _ = np.histogram(hashes(40000), bins=20, range=(0, 1))
    assert np.abs(counts - 2000).max() < 250


def test_angles_are_those_of_the_library() -> None:
    y, x = np.random.default_rng(0).normal(size=(2, 2000))
    np.testing.assert_allclose(turns(y, x), np.arctan2(y, x) / (2 * np.pi), atol=3e-6)
