"""Captions in three lengths that claim nothing but a clip's events and the values of its scene."""

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from physics_data.core.clip import Captions, Event, EventKind
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.pipeline.caption_words import (
    WORDS,
    Names,
    another,
    listing,
    number_word,
    pick,
    plural,
    sentence,
    with_article,
)

MEDIUM_EVENTS = 3
LONG_EVENTS = 10
"""At most so many things that happen are told; a long caption counts the rest."""

_WEIGHTS: dict[EventKind, int] = {
    "topple": 5,
    "contained": 5,
    "hidden": 4,
    "revealed": 4,
    "contact": 3,
    "leaves_view": 2,
    "enters_view": 2,
    "rest": 2,
    "bounce": 0,
}
_WHEN = ("{0:.1f} s in", "after {0:.1f} s", "at {0:.1f} s")


def write_captions(short: str, spec: SceneSpec, trajectory: Trajectory, events: Sequence[Event]) -> Captions:
    """Return the scenario's caption, one that tells the main events in order, and one with setting and times.

    The wording is drawn from the seed of the scene, so the same clip has the same words wherever it is made.
    """
    key = [spec.root_seed, spec.index, zlib.crc32(spec.scenario.encode()), zlib.crc32(b"captions")]
    rng = np.random.default_rng(key)
    names = Names(spec)
    told = _joined(events)
    start = sentence(short) if short else ""
    ranked = sorted(range(len(told)), key=lambda number: (-_weight(told[number]), number))
    chosen = sorted(ranked[:MEDIUM_EVENTS])
    medium = [_tell(rng, spec, trajectory, names, told[number]) for number in chosen]
    long = [
        f"{_tell(rng, spec, trajectory, names, group)} {pick(rng, _WHEN).format(group[0].seconds)}"
        for group in told[:LONG_EVENTS]
    ]
    rest = Counter(event.kind for group in told[LONG_EVENTS:] for event in group)
    counted = [sentence(f"later there {_amount(rest['contact'], 'more contact')}")] if rest["contact"] else []
    return Captions(
        short=short,
        medium=" ".join([start, *_ordered(rng, medium)]).strip(),
        long=" ".join([*_setting(rng, spec), start, *map(sentence, long), *counted]).strip(),
    )


def _joined(events: Sequence[Event]) -> list[tuple[Event, ...]]:
    """Group each contact with its bounce, which are told together."""
    groups: list[tuple[Event, ...]] = []
    bounces = {(event.seconds, event.bodies): event for event in events if event.kind == "bounce"}
    for event in events:
        if event.kind == "contact" and (bounce := bounces.get((event.seconds, event.bodies))):
            groups.append((event, bounce))
        elif event.kind != "bounce":
            groups.append((event,))
    return groups


def _weight(group: tuple[Event, ...]) -> int:
    first = group[0]
    return _WEIGHTS[first.kind] - (2 if first.kind == "contact" and not first.is_first else 0)


def _tell(
    rng: np.random.Generator, spec: SceneSpec, trajectory: Trajectory, names: Names, group: tuple[Event, ...]
) -> str:
    event = group[0]
    verb = pick(rng, WORDS[event.kind])
    if event.kind != "contact":
        return " ".join([names[event.bodies[0]], verb, *(names[name] for name in event.bodies[1:])])
    who, what = _who_hits(spec, trajectory, event)
    if len(group) > 1 and not spec.bodies[spec.body_index(what)].is_dynamic:  # of two that can move, one may go on
        verb = pick(rng, WORDS["bounce"])
    again = "" if event.is_first else " again"
    met = names[what] if names[what] != names[who] else another(names[what])
    return f"{names[who]} {verb} {met}{again}"


def _who_hits(spec: SceneSpec, trajectory: Trajectory, event: Event) -> tuple[str, str]:
    """Return the faster of two bodies first, as they were before they touched."""
    first, second = (spec.body_index(name) for name in event.bodies)
    before = trajectory.linear_velocity[event.frame_index - 1]
    if np.linalg.norm(before[first]) > np.linalg.norm(before[second]):
        return event.bodies[0], event.bodies[1]
    return event.bodies[1], event.bodies[0]


def _ordered(rng: np.random.Generator, told: list[str]) -> list[str]:
    if len(told) < 2:
        return [sentence(text) for text in told]
    links = ("then", "next", "after that")
    return [sentence(told[0]), *(sentence(f"{pick(rng, links)}, {text}") for text in told[1:])]


def _setting(rng: np.random.Generator, spec: SceneSpec) -> list[str]:
    things = Counter(
        f"{body.appearance.color_name} {body.noun}" for body in spec.instances if body.role != "ground"
    ) or Counter(f"{body.appearance.color_name} {body.noun}" for body in spec.instances)
    listed = [
        with_article(words) if count == 1 else f"{number_word(count)} {plural(words)}"
        for words, count in things.items()
    ]
    camera = pick(rng, ("the camera moves", "a moving camera")) if spec.camera.is_moving else "a fixed camera"
    seconds = (spec.num_frames - 1) / spec.frame_rate
    told = [sentence(f"{camera}, {seconds:.1f} s")]
    return told + ([sentence(f"in the scene: {listing(listed)}")] if listed else [])


def _amount(count: int, noun: str) -> str:
    return f"is one {noun}" if count == 1 else f"are {number_word(count)} {noun}s"
