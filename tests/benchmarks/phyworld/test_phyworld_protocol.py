"""PhyWorld's protocol: its grids, its physics, its floors, and the baselines that need no model."""

import numpy as np
import pytest

from benchmarks.phyworld.table import PREDICTORS, PUBLISHED_FLOORS, Draw, Measured, predictor_errors, rows_of
from benchmarks.phyworld.world import (
    KINDS,
    BallScene,
    Kind,
    draw,
    evaluation_choices,
    evaluation_scenes,
    make_scene,
    motion,
    training_choice,
)


@pytest.mark.parametrize(
    ("kind", "inside", "outside"), [("uniform", 3000, 992), ("parabola", 160, 896), ("collision", 256, 2206)]
)
def test_the_grids_are_as_large_as_published(kind: Kind, inside: int, outside: int):
    assert len(evaluation_choices(kind)) == inside + outside


def test_a_collision_keeps_momentum_and_energy():
    radii, speeds = (1.2, 0.6), (2.0, 1.0)
    path = motion("collision", radii, speeds, np.array([[2.0, 5.0], [8.0, 5.0]]))[:, :, 0]
    velocity, masses = np.diff(path, axis=0) / 0.1, np.square(radii)
    momentum = velocity @ masses
    energy = velocity**2 @ masses / 2
    impact = (8.0 - 2.0 - 1.8) / 3.0
    frame = round((impact - 0.01) / 0.1)
    away = np.abs(np.arange(len(momentum)) - frame) > 1
    assert momentum == pytest.approx(np.full(31, 1.44 * 2 - 0.36 * 1), abs=1e-9)
    assert energy[away] == pytest.approx(np.full(away.sum(), 0.72 * 4 + 0.18 * 1), abs=1e-9)
    assert (path[:, 1] - path[:, 0] >= 1.8 - 1e-9).all()


def test_the_fall_is_the_engine_s_sum():
    height, speed = 9.0, 0.0
    expected = []
    for step in range(311):
        speed -= 2.5 * 0.01
        height += speed * 0.01
        if step % 10 == 0:
            expected.append(height)
    path = motion("parabola", (1.0,), (1.0,), np.array([[1.0, 9.0]]))
    assert path[:, 0, 1] == pytest.approx(expected[:32], abs=1e-9)


def test_drawing_follows_the_published_formula():
    scene = make_scene("collision", (0.9, 0.7), (2.0, 1.5), np.random.default_rng(2))
    assert isinstance(scene, BallScene)
    x, y = np.meshgrid(np.linspace(0, 1, 256), np.linspace(0, 1, 256))
    frame = np.full((256, 256, 3), 255.0)
    for ball, colour in enumerate(((255, 0, 0), (0, 0, 255))):
        centre, radius = scene.positions[5, ball] / 10, scene.radii[ball] / 10
        soft = np.clip((radius**2 - (x - centre[0]) ** 2 - (y - centre[1]) ** 2) / (0.03 * radius**2), 0, 1)[..., None]
        frame = (1 - soft) * frame + soft * np.array(colour)
    assert np.abs(draw(scene)[5].astype(int) - frame.astype(np.uint8)).max() <= 1


def test_training_draws_stay_in_range():
    rng = np.random.default_rng(0)
    for kind in KINDS:
        scene = make_scene(kind, *training_choice(kind, rng), rng)
        assert scene is not None and scene.is_in_range


@pytest.mark.parametrize(("kind", "tolerance"), [("uniform", 0.08), ("parabola", 0.08)])
def test_the_published_floors_are_reproduced(kind: Kind, tolerance: float):
    errors = predictor_errors(kind, PREDICTORS["truth"], np.random.default_rng(0), every=24)
    published = np.nanmean([error.published for error in errors])
    assert published == pytest.approx(PUBLISHED_FLOORS[kind], rel=tolerance)
    assert np.mean([error.unbiased for error in errors]) < 0.002


def test_the_floor_of_collisions_is_the_bias_alone():
    errors = predictor_errors("collision", PREDICTORS["truth"], np.random.default_rng(0), every=8)
    published = np.nanmean([error.published for error in errors if error.is_in_range])
    assert 0.006 < published < PUBLISHED_FLOORS["collision"]


def test_baselines_without_a_model():
    rows = {}
    for name in ("frozen", "copied velocity", "clamped speed"):
        errors = predictor_errors("uniform", PREDICTORS[name], np.random.default_rng(0), every=80)
        found = rows_of(Measured(name, "uniform", (Draw(name, 0, tuple(errors)),), ""))
        rows[name] = [row.value for row in found if "unbiased" in row.name]
    assert min(rows["frozen"]) > 1.2
    assert max(rows["copied velocity"]) < 0.03
    assert rows["clamped speed"][0] < 0.005 and rows["clamped speed"][1] > 0.4


def test_scenes_depend_on_the_generator_alone():
    first, second = (list(evaluation_scenes("collision", np.random.default_rng(4), 64)) for _ in range(2))
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(first, second, strict=True))
