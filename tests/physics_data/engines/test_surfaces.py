import itertools

import pytest

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import colliding_pairs, pair_friction, pair_restitution
from physics_data.engines import ENGINES
from physics_data.engines.surfaces import friction_factors, restitution_factors
from tests.physics_data.engines.lab import body, on_floor


def scene(*values, floor=(0.5, 1.0)):
    bodies = [body(f"ball{i}", friction=f, restitution=e) for i, (f, e) in enumerate(values)]
    return on_floor(*bodies, friction=floor[0], restitution=floor[1])


def test_the_rules_of_a_pair():
    spec = scene((0.9, 0.3), floor=(0.4, 0.8))
    assert pair_friction(*spec.bodies) == pytest.approx(0.6)
    assert pair_restitution(*spec.bodies) == 0.3


@pytest.mark.parametrize(
    "spec",
    [
        scene((0.3, 0.7)),
        scene((0.3, 1.0), floor=(0.2, 0.4)),
        scene((0.3, 0.7), (0.8, 0.7)),
        scene((0.3, 0.7), (0.8, 0.7), floor=(0.0, 0.0)),
        scene((0.3, 0.7), (0.8, 0.0)),
        scene((0.3, 0.7), (0.8, 0.7), (0.1, 0.7), floor=(0.5, 0.7)),
    ],
)
def test_factors_multiply_to_the_rule_of_every_pair(spec):
    friction, restitution = friction_factors(spec), restitution_factors(spec)
    for a, b in colliding_pairs(spec):
        first, second = spec.bodies[a], spec.bodies[b]
        assert friction[a] * friction[b] == pytest.approx(pair_friction(first, second), abs=1e-12)
        assert restitution[a] * restitution[b] == pytest.approx(pair_restitution(first, second), abs=1e-9)


def test_what_products_cannot_say_is_refused_by_bullet_and_run_by_mujoco():
    spec = scene((0.0, 0.9), (0.0, 0.5), (0.0, 0.7))
    with pytest.raises(EngineError, match=r"ball0=0.9, ball1=0.5.*one restitution, or use the engine 'mujoco'"):
        ENGINES.get("bullet")().supports(spec)
    with pytest.raises(EngineError, match="multiplies per-body restitutions"):
        ENGINES.get("bullet")().simulate(spec)
    ENGINES.get("mujoco")().supports(spec)


def test_only_pairs_that_can_meet_are_counted():
    spec = scene((0.0, 0.9), (0.0, 0.5))
    static = spec.bodies[2].model_copy(update={"is_static": True})
    spec = spec.model_copy(update={"bodies": (*spec.bodies[:2], static)})
    assert colliding_pairs(spec) == [(0, 1), (1, 2)]
    assert len(list(itertools.combinations(spec.bodies, 2))) == 3
