"""Every scenario of the table, on every engine, held to its own law."""

import itertools
import json
import math
import re

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.errors import ConfigError
from physics_data.core.scene import SceneSpec, Sphere
from physics_data.engines import ENGINES
from physics_data.pipeline.quality import check_quality
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import LARGE_RADIUS, SMALL_RADIUS, Range, Scenario, SceneSettings

SETTINGS = SceneSettings()
HELD_OUT = SceneSettings(ranges="held_out")
SEEDS = range(6)
PALETTE = ("white", "black", "red", "blue", "green")
MIN_PIXELS = 4.7
"""Diameter of a disc with the area of the smallest object, 64 × 64."""


@pytest.fixture(params=list(SCENARIOS))
def scenario(request) -> Scenario:
    return SCENARIOS.get(request.param)()


def draw(scenario: Scenario, index: int, settings: SceneSettings = SETTINGS, root_seed: int = 0) -> SceneSpec:
    return scenario.sample(clip_generator(root_seed, scenario.info.name, index), settings, root_seed, index)


def test_it_has_the_name_of_its_line(scenario):
    assert type(scenario) is SCENARIOS.get(scenario.info.name)
    assert scenario.info.law
    assert scenario.info.quantity
    assert scenario.engines
    assert set(scenario.engines) <= set(ENGINES)


def test_training_and_held_out_ranges_have_nothing_in_common(scenario, monkeypatch):
    drawn: list[tuple[Range, str, float]] = []
    draw_value = Range.draw

    def draw_and_note(self: Range, rng: np.random.Generator, settings: SceneSettings) -> float:
        value = draw_value(self, rng, settings)
        drawn.append((self, settings.ranges, value))
        return value

    monkeypatch.setattr(Range, "draw", draw_and_note)
    for index in SEEDS:
        draw(scenario, index)
        draw(scenario, index, HELD_OUT)
    assert {id(range_) for range_, _, _ in drawn} <= {id(range_) for range_ in scenario.ranges.values()}
    for range_, kind, value in drawn:
        is_in_training = range_.low <= value <= range_.high
        is_in_held_out = any(low <= value <= high for low, high in range_.held_out)
        assert (is_in_training, is_in_held_out) == (
            (False, True) if kind == "held_out" and range_.held_out else (True, False)
        )
    for range_ in scenario.ranges.values():
        for low, high in range_.held_out:
            assert low < high
            assert high < range_.low or low > range_.high


def test_held_out_scenes_differ_in_what_the_law_is_about(scenario):
    if scenario.ranges:
        assert any(range_.held_out for range_ in scenario.ranges.values())
        assert draw(scenario, 0, HELD_OUT).bodies != draw(scenario, 0).bodies


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
        palette=PALETTE,
        floors=("checker",),
    )
    spec = draw(scenario, 0, settings)
    assert (spec.num_frames, spec.frame_rate, spec.physics_rate, spec.width, spec.height) == (33, 24.0, 480.0, 96, 48)
    assert {body.appearance.color_name for body in spec.bodies if body.role == "object"} <= set(PALETTE)
    assert spec.bodies[0].appearance.pattern == "checker"
    assert spec.root_seed == 0


def test_captions_name_what_is_there_and_only_true_sizes(scenario):
    for index, settings in itertools.product(SEEDS, (SETTINGS, HELD_OUT)):
        spec = draw(scenario, index, settings)
        caption = scenario.caption(spec)
        pairs = {(body.appearance.color_name, body.noun) for body in spec.bodies[1:]}
        for body in spec.bodies[1:]:
            assert re.search(rf"\b{body.noun}", caption), f"'{caption}' does not name the {body.noun}"
            if body.role == "object":
                assert re.search(rf"\b{body.appearance.color_name}\b", caption)
            if body.role == "object" and isinstance(body.shape, Sphere):
                words = f"{body.appearance.color_name} {body.noun}"
                assert (f"small {words}" in caption) == (body.shape.radius < SMALL_RADIUS)
                assert (f"large {words}" in caption) == (body.shape.radius > LARGE_RADIUS)
        colors = {color for color, _ in pairs}
        for color, noun in itertools.product(colors, {noun for _, noun in pairs}):
            assert (color, noun) in pairs or not re.search(rf"\b{color} {noun}\b", caption)


def test_colours_tell_objects_of_different_groups_apart(scenario):
    """Bodies whose names differ only in a number are a group, such as the balls of a rack, and may share colours."""
    for index in SEEDS:
        groups: dict[str, set[str]] = {}
        for body in draw(scenario, index).bodies:
            if body.role == "object":
                groups.setdefault(re.sub(r"_\d+$", "", body.name), set()).add(body.appearance.color_name)
        for first, second in itertools.combinations(groups.values(), 2):
            assert not first & second


@pytest.mark.parametrize("engine", list(ENGINES))
@pytest.mark.parametrize("settings", [SETTINGS, HELD_OUT], ids=["train", "held_out"])
def test_every_motion_keeps_to_its_law(scenario, engine, settings):
    if engine not in scenario.engines:
        pytest.skip(f"'{scenario.info.name}' does not claim {engine}")
    if settings is HELD_OUT and not scenario.ranges:
        pytest.skip(f"'{scenario.info.name}' has no held-out ranges")
    for index in range(4):
        spec = draw(scenario, index, settings)
        residuals = scenario.residuals(spec, ENGINES.get(engine)().simulate(spec))
        assert residuals.keys() == scenario.tolerances.keys()
        for name, value in residuals.items():
            assert value <= scenario.tolerances[name], f"draw {index}: {name} is {value:.3g}"
        assert all(math.isfinite(value) for value in scenario.ground_truth(spec).values())


@pytest.mark.parametrize("engine", list(ENGINES))
def test_every_clip_passes_the_quality_gate_and_is_seen(scenario, engine):
    if engine not in scenario.engines:
        pytest.skip(f"'{scenario.info.name}' does not claim {engine}")
    renderer = RENDERERS.get("raycast")()
    for index in range(2):
        spec = draw(scenario, 10 + index)
        trajectory = ENGINES.get(engine)().simulate(spec)
        rendering = renderer.render(spec, trajectory)
        check_quality(scenario, spec, trajectory, rendering)
        objects = [i for i, body in enumerate(spec.instances) if body.role == "object"]
        assert (rendering.visible_fraction()[0, objects] > 0.5).all(), "objects are seen at the start"
        diameter = np.sqrt(rendering.amodal_masks[0, objects].sum(axis=(1, 2)) * 4 / math.pi)
        assert (diameter >= MIN_PIXELS).all()


def test_an_unknown_colour_or_too_few_are_refused(scenario):
    with pytest.raises(ConfigError, match="no colour 'rde'.*Did you mean 'red'"):
        draw(scenario, 0, SceneSettings(palette=("rde", "blue")))
    with pytest.raises(ConfigError, match="palette .* has 0 colours"):
        draw(scenario, 0, SceneSettings(palette=()))
    with pytest.raises(ConfigError, match="no floor 'lava'"):
        draw(scenario, 0, SceneSettings(floors=("lava",)))
