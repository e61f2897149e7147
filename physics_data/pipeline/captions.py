"""Captions of clips: what happens, in several wordings, from the events and the values of the scene."""

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from physics_data.core.clip import Captions, Event, EventKind, Rendering
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Trajectory

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
_STRIKING_SPEED = 0.02  # m/s
_STRIKING_SHARE = 0.5
"""A body strikes another if it comes faster than this and the other comes at most at this share of its speed."""

_WHEN = ("{0:.1f} s in", "after {0:.1f} s", "at {0:.1f} s")


def write_captions(
    short: str, spec: SceneSpec, trajectory: Trajectory, rendering: Rendering, events: Sequence[Event]
) -> Captions:
    """Return the scenario's caption, one that tells the main events in order, and one with setting and times.

    Told is what the picture shows: nothing of a body that is hidden or outside the picture but that it comes and goes,
    no touch of a body that has come to rest, and nothing that the scenario's caption says already. The wording is
    drawn from the seed of the scene, so the same clip has the same words wherever it is made.
    """
    key = [spec.root_seed, spec.index, zlib.crc32(spec.scenario.encode()), zlib.crc32(b"captions")]
    rng = np.random.default_rng(key)
    told = [group for group in _joined(events) if not _is_said(short, group[0])]
    told = [group for group in told if _is_seen(spec, rendering, group[0]) and not _is_settled(spec, events, group[0])]
    start = sentence(short) if short else ""
    ranked = sorted(range(len(told)), key=lambda number: (-_weight(told[number]), number))
    medium = _tell_all(rng, spec, trajectory, [told[number] for number in sorted(ranked[:MEDIUM_EVENTS])])
    long = [
        f"{text} {_when(rng, group[0].seconds)}"
        for text, group in zip(_tell_all(rng, spec, trajectory, told[:LONG_EVENTS]), told, strict=False)
    ]
    rest = Counter(event.kind for group in told[LONG_EVENTS:] for event in group)
    counted = [sentence(f"later there {_amount(rest['contact'], 'more contact')}")] if rest["contact"] else []
    return Captions(
        short=short,
        medium=" ".join([start, *_ordered(rng, medium)]).strip(),
        long=" ".join([*_setting(rng, spec), start, *map(sentence, long), *counted]).strip(),
    )


def _is_said(short: str, event: Event) -> bool:
    return event.kind == "rest" and any(verb in short for verb in WORDS["rest"])


def _is_seen(spec: SceneSpec, rendering: Rendering, event: Event) -> bool:
    """Return whether every body of an event has visible pixels in the frames beside it; what comes or goes, in one."""
    beside = sorted({event.frame_index - 1, min(event.frame_index, spec.num_frames - 1)})
    enough = any if event.kind in ("hidden", "revealed", "leaves_view", "enters_view", "contained") else all
    for number, body in enumerate(spec.instances, start=1):
        if body.name in event.bodies and not enough((rendering.instance_ids[k] == number).any() for k in beside):
            return False
    return True


def _is_settled(spec: SceneSpec, events: Sequence[Event], event: Event) -> bool:
    """Return whether a contact is between bodies that all rest by then, or never move."""
    if event.kind not in ("contact", "bounce"):
        return False
    rested = {other.bodies[0] for other in events if other.kind == "rest" and other.seconds <= event.seconds}
    movable = {name for name in event.bodies if spec.bodies[spec.body_index(name)].is_dynamic}
    return bool(movable) and movable <= rested


def _when(rng: np.random.Generator, seconds: float) -> str:
    text = pick(rng, _WHEN)
    return text.format(seconds) if seconds >= 0.05 else "at once"


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


def _tell_all(
    rng: np.random.Generator, spec: SceneSpec, trajectory: Trajectory, groups: Sequence[tuple[Event, ...]]
) -> list[str]:
    """Return a clause for each thing that happens; a pair meets "again" only where the text has told of it before."""
    names, met, told = Names(spec), set[tuple[str, ...]](), []
    for group in groups:
        event = group[0]
        verb = pick(rng, WORDS[event.kind])
        if event.kind != "contact":
            told.append(" ".join([names[event.bodies[0]], verb, *(names[name] for name in event.bodies[1:])]))
            continue
        again = " again" if event.bodies in met else ""
        met.add(event.bodies)
        striker = _striker(spec, trajectory, event)
        if striker is None:
            one, other = event.bodies
            told.append(f"{names[one]} and {names.beside(other, one)} {pick(rng, TOGETHER)}{again}")
            continue
        who, what = event.bodies[striker], event.bodies[1 - striker]
        if len(group) > 1 and not spec.bodies[spec.body_index(what)].is_dynamic:  # of two that can move, one may go on
            verb = pick(rng, WORDS["bounce"])
        told.append(f"{names[who]} {verb} {names.beside(what, who)}{again}")
    return told


def _striker(spec: SceneSpec, trajectory: Trajectory, event: Event) -> int | None:
    """Return which body of a contact comes to the other one, 0 or 1; None where both do, or nobody can tell.

    That is the one whose touching point moves faster toward the other just before. What other pairs gave the two
    between the frame before and the contact counts: in a row of balls each is at rest until the one before hits it.
    """
    contacts = trajectory.contacts
    pair = [spec.body_index(name) for name in event.bodies]
    of_pair = (contacts.body_a == min(pair)) & (contacts.body_b == max(pair))
    rows = np.flatnonzero(of_pair & (contacts.seconds == event.seconds))
    if not len(rows):
        return None
    speeds = _closing_speeds(spec, trajectory, int(rows[0]), pair, np.less)
    if max(speeds) < _STRIKING_SPEED:  # an engine may pass an impact through a row of bodies in one step
        speeds = _closing_speeds(spec, trajectory, int(rows[0]), pair, np.less_equal)
    fixed = [not spec.bodies[index].is_dynamic and speed == 0.0 for index, speed in zip(pair, speeds, strict=True)]
    if fixed[0] != fixed[1]:
        return fixed.index(False)
    faster = int(speeds[1] > speeds[0])
    is_clear = speeds[faster] >= _STRIKING_SPEED and speeds[1 - faster] <= _STRIKING_SHARE * speeds[faster]
    return faster if is_clear else None


def _closing_speeds(
    spec: SceneSpec, trajectory: Trajectory, row: int, pair: Sequence[int], is_before: Callable[..., np.ndarray]
) -> list[float]:
    """Return how fast the touching point of each body of a contact moves toward the other body, m/s."""
    contacts = trajectory.contacts
    frame, point, normal = int(contacts.frame_index[row]), contacts.point[row], contacts.normal[row]
    delay = float(contacts.seconds[row]) - (frame - 1) / spec.frame_rate
    lasting = set(_pairs(trajectory, frame - 1))
    speeds = []
    for index in pair:
        velocity = trajectory.linear_velocity[frame - 1, index].copy()
        arm = point - trajectory.position[frame - 1, index] - delay * velocity
        velocity += np.cross(trajectory.angular_velocity[frame - 1, index], arm)
        earlier = (contacts.frame_index == frame) & is_before(contacts.seconds, contacts.seconds[row])
        for other in np.flatnonzero(earlier & ((contacts.body_a == index) | (contacts.body_b == index))).tolist():
            ends = (int(contacts.body_a[other]), int(contacts.body_b[other]))
            if ends == tuple(sorted(pair)) or ends in lasting or not spec.bodies[index].is_dynamic:
                continue  # what carries a body holds its weight, no more
            push = contacts.impulse[other] / spec.bodies[index].mass * contacts.normal[other]
            velocity += push if ends[1] == index else -push
        toward = normal if index == contacts.body_a[row] else -normal
        speeds.append(float(velocity @ toward))
    return speeds


def _pairs(trajectory: Trajectory, frame: int) -> list[tuple[int, int]]:
    contacts = trajectory.contacts
    rows = contacts.frame_index == frame
    return list(zip(contacts.body_a[rows].tolist(), contacts.body_b[rows].tolist(), strict=True))


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
    if spec.cuts:
        shots = len(spec.cuts) + 1
        camera = pick(rng, (f"{number_word(shots)} shots", f"a film of {number_word(shots)} shots"))
    seconds = (spec.num_frames - 1) / spec.frame_rate
    told = [sentence(f"{camera}, {seconds:.1f} s")]
    return told + ([sentence(f"in the scene: {listing(listed)}")] if listed else [])


def _amount(count: int, noun: str) -> str:
    return f"is one {noun}" if count == 1 else f"are {number_word(count)} {noun}s"


WORDS: Mapping[EventKind, tuple[str, ...]] = {
    "contact": ("hits", "strikes", "knocks against"),
    "bounce": ("bounces off", "rebounds from", "springs back from"),
    "rest": ("comes to rest", "stops moving", "comes to a standstill"),
    "topple": ("falls over", "topples", "tips over"),
    "contained": ("gets into", "ends up in", "goes into"),
    "hidden": ("is out of sight", "is hidden from view", "can no longer be seen"),
    "revealed": ("comes back into sight", "can be seen again", "reappears"),
    "leaves_view": ("leaves the picture", "moves out of the picture", "goes out of frame"),
    "enters_view": ("comes into the picture", "moves into the picture", "enters the frame"),
}
"""Verbs of each kind of event. No verb is part of another's, so a caption tells which events it claims."""

TOGETHER = ("collide", "bump into each other")
"""Verbs of a contact in which neither body is clearly the one that strikes."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class Names:
    """How the bodies of a scene are called in one text: "the red ball"; "a", "another", "one of" where several are."""

    def __init__(self, spec: SceneSpec) -> None:
        self._words = {body.name: _words(body) for body in spec.bodies}
        self._counts = Counter(self._words.values())
        self._told: dict[str, list[str]] = {}

    def __getitem__(self, name: str) -> str:
        """Return how a body is called where it is told next."""
        text = self._words[name]
        told = self._told.setdefault(text, [])
        is_new = name not in told
        if is_new:
            told.append(name)
        if self._counts[text] == 1 or (told == [name] and not is_new):
            return f"the {text}"
        if is_new:
            return with_article(text) if len(told) == 1 else f"another {text}"
        return f"one of the {plural(text)}"

    def beside(self, name: str, other: str) -> str:
        """Return how a body is called in a clause that begins with another one."""
        called = self[name]
        return f"another {self._words[name]}" if self._words[name] == self._words[other] else called


def _words(body: Body) -> str:
    return body.noun if not body.is_instance else f"{body.appearance.color_name} {body.noun}"


def with_article(text: str) -> str:
    """Return "a red ball", "an orange ball"."""
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def plural(words: str) -> str:
    """Return "red boxes" for "red box"."""
    return words + ("es" if words.endswith(("x", "s", "sh", "ch", "o")) else "s")


def number_word(count: int) -> str:
    """Return a whole number in words up to twelve."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def sentence(text: str) -> str:
    """Return a text with a capital at its start and a full stop at its end."""
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def listing(parts: list[str]) -> str:
    """Return "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """Draw one of several ways to say the same."""
    return options[int(rng.integers(len(options)))]
