"""Captions claim what the events show, and nothing else."""

from collections import Counter

import pytest

from physics_data.core.seeding import clip_generator
from physics_data.engines import ENGINES
from physics_data.pipeline.annotate import events
from physics_data.pipeline.caption import LONG_EVENTS, MEDIUM_EVENTS, write_captions
from physics_data.pipeline.caption_words import WORDS, plural
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.base import SceneSettings

SETTINGS = SceneSettings(num_frames=25, width=48, height=48)


@pytest.fixture(scope="module", params=list(SCENARIOS))
def told(request):
    """Return scene, motion, events and captions of one clip of each scenario."""
    scenario = SCENARIOS.get(request.param)()
    spec = scenario.sample(clip_generator(0, request.param, 2), SETTINGS, 0, 2)
    trajectory = ENGINES.get(scenario.engines[0])().simulate(spec)
    found = events(spec, trajectory, RENDERERS.get("raycast")().render(spec, trajectory, ()))
    return spec, trajectory, found, write_captions(scenario.caption(spec), spec, trajectory, found)


def claims(text: str) -> Counter:
    """Count the verbs of each kind of event in a text."""
    return Counter({kind: sum(text.count(verb) for verb in verbs) for kind, verbs in WORDS.items()})


def test_every_claimed_event_happens(told):
    _, _, found, captions = told
    happened = Counter(event.kind for event in found)
    start = captions.short[0].upper() + captions.short[1:]
    for text, most in ((captions.medium, MEDIUM_EVENTS), (captions.long, LONG_EVENTS)):
        own = text.replace(start, "")
        assert own != text, "the short caption is part of the longer ones"
        claimed = claims(own)
        assert sum(claimed.values()) <= most
        for kind, count in claimed.items():
            assert count <= happened[kind], f"{kind}: {own}"


def test_bodies_are_named_as_the_scene_has_them(told):
    spec, _, found, captions = told
    for event in found:
        for name in event.bodies:
            body = spec.bodies[spec.body_index(name)]
            assert body.noun in captions.long or len(found) > LONG_EVENTS


def test_without_events_nothing_is_claimed(told):
    spec, trajectory, _, captions = told
    silent = write_captions(captions.short, spec, trajectory, ())
    assert silent.medium == captions.short[0].upper() + captions.short[1:] + "."
    assert silent.short == captions.short


def test_the_wording_is_that_of_the_scene_and_varies_between_scenes(told):
    spec, trajectory, found, captions = told
    assert write_captions(captions.short, spec, trajectory, found) == captions
    others = {
        write_captions(captions.short, spec.model_copy(update={"index": index}), trajectory, found).long
        for index in range(12)
    }
    assert len(others) > 1 or not found


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
    found = events(spec, trajectory, RENDERERS.get("raycast")().render(spec, trajectory, ()))
    told = write_captions("two balls meet", spec, trajectory, found)
    assert f"another {same.color_name} ball" in told.medium
    assert f"two {same.color_name} balls" in told.long


def test_plurals():
    assert [plural(word) for word in ("red box", "domino", "ball")] == ["red boxes", "dominoes", "balls"]
