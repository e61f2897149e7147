"""Captions claim what the events show, and nothing else."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.engines import ENGINES
from physics_data.pipeline.captions import (
    LONG_EVENTS,
    MEDIUM_EVENTS,
    TOGETHER,
    WORDS,
    Names,
    _striker,
    plural,
    write_captions,
)
from physics_data.pipeline.events import events
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings

SETTINGS = SceneSettings(num_frames=25, width=48, height=48)


@pytest.fixture(scope="module", params=list(SCENARIOS))
def told(request):
    """Return scene, motion, picture, events and captions of one clip of each scenario."""
    scenario = SCENARIOS.get(request.param)()
    spec = scenario.sample(clip_generator(0, request.param, 2), SETTINGS, 0, 2)
    trajectory = ENGINES.get(scenario.engines[0])().simulate(spec)
    rendering = RENDERERS.get("raycast")().render(spec, trajectory, ())
    found = events(spec, trajectory, rendering)
    captions = write_captions(scenario.caption(spec), spec, trajectory, rendering, found)
    return spec, trajectory, rendering, found, captions


def claims(text: str) -> Counter:
    """Count the verbs of each kind of event in a text."""
    verbs = {**WORDS, "contact": WORDS["contact"] + TOGETHER}
    return Counter({kind: sum(text.count(verb) for verb in options) for kind, options in verbs.items()})


def test_every_claimed_event_happens(told):
    _, _, _, found, captions = told
    happened = Counter(event.kind for event in found)
    start = captions.short[0].upper() + captions.short[1:]
    for text, most in ((captions.medium, MEDIUM_EVENTS), (captions.long, LONG_EVENTS)):
        own = text.replace(start, "")
        assert own != text, "the short caption is part of the longer ones"
        claimed = claims(own)
        assert sum(claimed.values()) <= most
        for kind, count in claimed.items():
            assert count <= happened[kind], f"{kind}: {own}"


def test_nothing_is_told_of_what_cannot_be_seen(told):
    """With every picture empty only comings and goings are left, and these are not events of that picture."""
    spec, trajectory, rendering, found, captions = told
    empty = dataclasses.replace(rendering, instance_ids=np.zeros_like(rendering.instance_ids))
    silent = write_captions(captions.short, spec, trajectory, empty, found)
    start = captions.short[0].upper() + captions.short[1:] + "."
    own = silent.medium.replace(start, "")
    assert not own, own


def test_without_events_nothing_is_claimed(told):
    spec, trajectory, rendering, _, captions = told
    silent = write_captions(captions.short, spec, trajectory, rendering, ())
    assert silent.medium == captions.short[0].upper() + captions.short[1:] + "."
    assert silent.short == captions.short


def test_the_wording_is_that_of_the_scene_and_varies_between_scenes(told):
    spec, trajectory, rendering, found, captions = told
    assert write_captions(captions.short, spec, trajectory, rendering, found) == captions
    others = {
        write_captions(captions.short, spec.model_copy(update={"index": index}), trajectory, rendering, found).long
        for index in range(12)
    }
    assert len(others) > 1 or not claims(captions.long.partition(captions.short[1:])[2]).total()


def test_again_follows_a_first_time_and_rest_comes_last(told):
    """Sentence by sentence: "again" needs the same two names before it, and what rests touches nothing later."""
    _, _, _, _, captions = told
    for text in (captions.medium, captions.long):
        sentences = text.split(". ")
        for number, one in enumerate(sentences):
            if " again" in one.replace("seen again", "").replace(" against", ""):
                met = WORDS["contact"] + WORDS["bounce"] + TOGETHER
                before = [other for other in sentences[:number] if any(verb in other for verb in met)]
                assert before, text
        assert "0.0 s in" not in text and "after 0.0 s" not in text and "at 0.0 s" not in text


def test_no_verb_hides_in_another():
    verbs = [verb for options in WORDS.values() for verb in options]
    assert len(set(verbs)) == len(verbs)
    assert not [(a, b) for a in verbs for b in verbs if a != b and a in b]


def test_a_body_that_meets_its_like_meets_another():
    scenario = SCENARIOS.get("collide")()
    spec = scenario.sample(clip_generator(0, "collide", 0), SETTINGS, 0, 0)
    same = spec.bodies[1].appearance
    bodies = tuple(
        body.model_copy(update={"appearance": same}) if body.name != "floor" else body for body in spec.bodies
    )
    spec = spec.model_copy(update={"bodies": bodies})
    trajectory = ENGINES.get("mujoco")().simulate(spec)
    rendering = RENDERERS.get("raycast")().render(spec, trajectory, ())
    told = write_captions("two balls meet", spec, trajectory, rendering, events(spec, trajectory, rendering))
    assert f"another {same.color_name} ball" in told.medium
    assert f"two {same.color_name} balls" in told.long


@pytest.mark.parametrize("engine", ["mujoco", "bullet"])
def test_the_one_that_comes_strikes(engine):
    """Along a cradle each ball is struck by its neighbour on the side from which the first one comes."""
    scenario = SCENARIOS.get("newton_cradle")()
    checked = 0
    for index in range(6):
        spec = scenario.sample(clip_generator(1, "newton_cradle", index), SETTINGS, 1, index)
        trajectory = ENGINES.get(engine)().simulate(spec)
        moving = np.abs(trajectory.linear_velocity[:4, :, 0]).max(axis=0)
        lifted = int(moving.argmax())
        rendering = RENDERERS.get("raycast")().render(spec, trajectory, ())
        for event in events(spec, trajectory, rendering):
            if event.kind == "contact" and event.is_first:
                first, second = (spec.body_index(name) for name in event.bodies)
                away = [
                    abs(float(trajectory.position[0, body, 0] - trajectory.position[0, lifted, 0]))
                    for body in (first, second)
                ]
                striker = _striker(spec, trajectory, event)
                assert striker in (None, int(np.argmin(away))), f"{index}: {event}"
                checked += striker is not None
    assert checked >= 12


def test_what_strikes_is_told_by_the_touching_points():
    """A ball that rolls into one at rest strikes it, whichever comes first in the scene; two that meet collide."""
    scenario = SCENARIOS.get("collide")()
    spec = scenario.sample(clip_generator(0, "collide", 0), SETTINGS, 0, 0)
    trajectory = ENGINES.get("mujoco")().simulate(spec)
    (event,) = [
        event
        for event in events(spec, trajectory, RENDERERS.get("raycast")().render(spec, trajectory, ()))
        if event.kind == "contact" and event.is_first and "floor" not in event.bodies
    ]
    frame = event.frame_index - 1
    bodies = [spec.body_index(name) for name in event.bodies]
    for speeds, expected in (((2.0, 0.0), 0), ((0.0, 2.0), 1), ((2.0, 1.9), None), ((2.0, -0.5), 0), ((-0.5, 2.0), 1)):
        row = np.flatnonzero(trajectory.contacts.seconds == event.seconds)[0]
        velocity, spin = trajectory.linear_velocity.copy(), trajectory.angular_velocity.copy()
        for side, body, speed in zip((1.0, -1.0), bodies, speeds, strict=True):
            velocity[frame, body] = side * speed * trajectory.contacts.normal[row]
            spin[frame, body] = 0.0
        changed = dataclasses.replace(trajectory, linear_velocity=velocity, angular_velocity=spin)
        assert _striker(spec, changed, event) == expected


def test_several_alike_are_told_apart():
    scenario = SCENARIOS.get("bowling")()
    spec = scenario.sample(clip_generator(0, "bowling", 0), SETTINGS, 0, 0)
    pins = [body.name for body in spec.bodies if body.noun == "pin"]
    names = Names(spec)
    first = names[pins[0]]
    word = first.partition(" ")[2]
    assert first.split()[0] in ("a", "an")
    assert names[pins[0]] == f"the {word}", "so far it is the only one that was told of"
    assert names[pins[1]] == f"another {word}"
    assert names[pins[0]] == f"one of the {plural(word)}"


def test_plurals():
    assert [plural(word) for word in ("red box", "domino", "ball")] == ["red boxes", "dominoes", "balls"]
