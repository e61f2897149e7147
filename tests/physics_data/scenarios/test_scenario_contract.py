"""Every scenario of the table, on every engine, held to its own law."""

import json
import math

import numpy as np
import pytest

from physics_data.core.errors import ConfigError
from physics_data.core.scene import SceneSpec
from physics_data.core.seeding import clip_generator
from physics_data.engines import ENGINES
from physics_data.pipeline.quality import check_quality
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.base import LARGE_RADIUS, SMALL_RADIUS, Scenario, SceneSettings, ball_radius

SETTINGS = SceneSettings()
SEEDS = range(6)


@pytest.fixture(params=list(SCENARIOS))
def scenario(request) -> Scenario:
    return SCENARIOS.get(request.param)()


def draw(scenario: Scenario, index: int, settings: SceneSettings = SETTINGS, root_seed: int = 0) -> SceneSpec:
    return scenario.sample(clip_generator(root_seed, scenario.info.name, index), settings, root_seed, index)


def test_it_has_the_name_of_its_line(scenario):
    assert type(scenario) is SCENARIOS.get(scenario.info.name)
    assert scenario.info.law
    assert scenario.info.quantity


def test_equal_seeds_give_equal_scenes_and_others_differ(scenario):
    assert draw(scenario, 4) == draw(scenario, 4)
    assert draw(scenario, 4).bodies != draw(scenario, 5).bodies
    assert draw(scenario, 4).bodies != draw(scenario, 4, root_seed=1).bodies


def test_a_scene_survives_json(scenario):
    spec = draw(scenario, 0)
    assert SceneSpec.model_validate_json(spec.model_dump_json()) == spec
    assert json.loads(spec.model_dump_json())["scenario"] == scenario.info.name


def test_the_settings_reach_the_scene(scenario):
    settings = SceneSettings(
        num_frames=33,
        frame_rate=24.0,
        physics_rate=480.0,
        width=96,
        height=48,
        palette=("white", "black"),
        floors=("checker",),
    )
    spec = draw(scenario, 0, settings)
    assert (spec.num_frames, spec.frame_rate, spec.physics_rate, spec.width, spec.height) == (33, 24.0, 480.0, 96, 48)
    assert {body.appearance.color_name for body in spec.bodies if body.role == "object"} <= {"white", "black"}
    assert spec.bodies[0].appearance.pattern == "checker"
    assert spec.root_seed == 0


def test_captions_name_each_body_and_only_true_sizes(scenario):
    for index in SEEDS:
        spec = draw(scenario, index)
        caption = scenario.caption(spec)
        for body in spec.bodies[1:]:
            assert f"{body.appearance.color_name} {body.noun}" in caption
            if body.role == "object":
                words = f"{body.appearance.color_name} {body.noun}"
                assert (f"small {words}" in caption) == (ball_radius(body) < SMALL_RADIUS)
                assert (f"large {words}" in caption) == (ball_radius(body) > LARGE_RADIUS)


def test_colours_of_objects_differ(scenario):
    for index in SEEDS:
        names = [body.appearance.color_name for body in draw(scenario, index).bodies if body.role == "object"]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("engine", list(ENGINES))
def test_every_clip_keeps_to_its_law_and_is_seen(scenario, engine):
    renderer = RENDERERS.get("raycast")()
    for index in SEEDS:
        spec = draw(scenario, index)
        trajectory = ENGINES.get(engine)().simulate(spec)
        rendering = renderer.render(spec, trajectory)
        residuals = check_quality(scenario, spec, trajectory, rendering)
        assert scenario.tolerances.keys() <= residuals.keys()
        objects = [i for i, body in enumerate(spec.instances) if body.role == "object"]
        fully_seen = rendering.visible_fraction()[0, objects] == 1
        assert fully_seen.all(), "objects are in full view at the start"
        pixels = np.sqrt(rendering.amodal_masks[0, objects].sum(axis=(1, 2)) * 4 / math.pi)
        assert ((pixels > 7) & (pixels < 12)).all(), "balls are 8 to 11 pixels wide"


def test_an_unknown_colour_or_too_few_are_refused(scenario):
    with pytest.raises(ConfigError, match="no colour 'rde'.*Did you mean 'red'"):
        draw(scenario, 0, SceneSettings(palette=("rde", "blue")))
    with pytest.raises(ConfigError, match="palette .* has 0 colours"):
        draw(scenario, 0, SceneSettings(palette=()))
    with pytest.raises(ConfigError, match="no floor 'lava'"):
        draw(scenario, 0, SceneSettings(floors=("lava",)))
