"""What every metric must do: scales with ends, ladders in strict order, applicability from the reference alone."""

import numpy as np
import pytest
from edits import doubled, follow, follow_nothing, recolored, vanishing, with_gravity, with_speed
from test_motion_components import LADDERS as MOTION_LADDERS
from test_permanence_components import LADDERS as PERMANENCE_LADDERS

from eval.metrics import METRICS

PERMANENCE_LADDER = [
    lambda clip: clip.rgb,
    lambda clip: vanishing(clip, [8]),
    lambda clip: vanishing(clip, [8, 9, 10]),
    lambda clip: vanishing(clip, list(range(8, 17))),
    lambda clip: vanishing(clip, list(range(1, 17))),
]
DOUBLING_LADDER = [
    lambda clip: clip.rgb,
    lambda clip: doubled(clip, list(range(10, 17))),
    lambda clip: doubled(clip, list(range(2, 17))),
]
COLOR_LADDER = [
    lambda clip: clip.rgb,
    lambda clip: recolored(clip, list(range(10, 17))),
    lambda clip: recolored(clip, list(range(2, 17))),
]
GRAVITY_LADDER = [lambda clip, f=f: with_gravity(clip, f) for f in (1.0, 0.7, 0.4, 0.15)]
SPEED_LADDER = [lambda clip, f=f: with_speed(clip, f) for f in (1.0, 0.8, 0.6, 0.3)]

LADDERS = [
    ("object_permanence", "free_drop", PERMANENCE_LADDER),
    ("object_permanence", "collide", PERMANENCE_LADDER),
    ("object_permanence", "collide_same", PERMANENCE_LADDER),
    ("object_permanence", "collide", DOUBLING_LADDER),
    ("object_permanence", "occluder_pass", DOUBLING_LADDER[:2]),
    ("object_permanence", "free_drop", COLOR_LADDER),
    ("gravity_error", "free_fall", GRAVITY_LADDER),
    ("gravity_error", "projectile", GRAVITY_LADDER),
    ("velocity_error", "projectile", SPEED_LADDER),
    ("velocity_error", "collide", SPEED_LADDER),
    ("motion_realism", "free_fall", GRAVITY_LADDER),
    ("motion_realism", "projectile", GRAVITY_LADDER),
    ("motion_realism", "projectile", SPEED_LADDER),
    ("motion_realism", "projectile", PERMANENCE_LADDER[:3]),
    ("overall", "free_fall", GRAVITY_LADDER),
    ("overall", "collide", PERMANENCE_LADDER),
    ("overall", "collide", COLOR_LADDER),
]


@pytest.mark.parametrize("name", list(METRICS))
def test_info_is_whole(name):
    info = METRICS.get(name).info
    assert info.name == name
    assert info.direction == ("higher" if info.best > info.worst else "lower")
    assert info.summary and info.unit and info.needs and info.source


@pytest.mark.parametrize(("name", "scenario", "ladder"), LADDERS)
def test_ladder_is_strictly_ordered(toy, name, scenario, ladder):
    reference, metric = toy(scenario), METRICS.get(name)()
    values = [metric.score(reference, follow(reference, rung(reference.clip))) for rung in ladder]
    sign = 1 if metric.info.direction == "higher" else -1
    assert (np.diff(values) * sign < -0.01).all(), values
    assert abs(values[0] - metric.info.best) < 0.05


def test_every_metric_has_a_ladder():
    laddered = {ladder[0] for ladder in [*LADDERS, *MOTION_LADDERS, *PERMANENCE_LADDERS]}
    assert laddered | {"containment"} == set(METRICS)  # its scene has a box: test_containment.py


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize("scenario", ["free_drop", "projectile", "collide", "occluder_pass"])
def test_a_video_without_frames_gets_the_worst_value(toy, name, scenario):
    reference, metric = toy(scenario), METRICS.get(name)()
    if metric.refuses(reference) is None:
        assert metric.score(reference, follow_nothing(reference)) == metric.info.worst


@pytest.mark.parametrize("name", ["motion_realism", "overall"])
@pytest.mark.parametrize("scenario", ["free_drop", "projectile", "collide", "collide_same", "occluder_pass"])
@pytest.mark.parametrize("control", ["frozen", "black", "noise", "grey"])
def test_controls_are_worth_nothing(toy, name, scenario, control):
    reference, metric = toy(scenario), METRICS.get(name)()
    rgb = reference.clip.rgb
    videos = {
        "frozen": np.repeat(rgb[:1], len(rgb), axis=0),
        "black": np.zeros_like(rgb),
        "noise": np.random.default_rng(0).integers(0, 256, rgb.shape, dtype=np.uint8),
        "grey": np.full_like(rgb, 128),
    }
    assert metric.score(reference, follow(reference, videos[control])) < 0.05
