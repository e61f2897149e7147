"""How many of the 200 prompts become a scene in which what they state is there and happens, and how long that takes."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import Row
from physics_data.scenes.source_lines import read_source
from physics_data.scenes.words.description import Thing, WordsError
from physics_data.scenes.words.direct import DirectedScene, direct

HALVES = ("development", "held_out")
_IMPLIES = {"hit": ("push", "knock_over"), "topple": ("knock_over",), "push": ("knock_over",)}
"""What is stated → what states it, too."""


@dataclass(frozen=True)
class Prompt:
    """Words, and what a scene of them must hold.

    group:   "english", "korean" or "hard"
    things:  "noun.attribute*count"; events: "kind:actor>target"
    refused: whether the right answer is a sentence
    """

    half: str
    group: str
    words: str
    things: tuple[str, ...]
    events: tuple[str, ...]
    refused: bool


def prompts(half: str) -> list[Prompt]:
    """Return the prompts of a half."""
    found = []
    for group, lines in read_source(Path(__file__).parent / f"{half}.yaml").data.items():
        for line in lines:
            words, things, *events = (part.strip() for part in line.split("|"))
            refused = things == "refuse"
            stated = tuple(events[0].split()) if events else ()
            found.append(Prompt(half, group, words, () if refused else tuple(things.split()), stated, refused))
    return found


def lacking(prompt: Prompt, scene: DirectedScene) -> list[str]:
    """Return what a scene does not show of what its prompt states."""
    things = [stated for stated in prompt.things if not _has_thing(stated, scene)]
    return things + [stated for stated in prompt.events if not _has_event(stated, scene)]


def _has_thing(stated: str, scene: DirectedScene) -> bool:
    name, _, count = stated.partition("*")
    noun, *attributes = name.split(".")

    def fits(thing: Thing) -> bool:
        own = {*thing.colors, thing.material, *thing.sizes, thing.weight}
        return thing.noun == noun and set(attributes) <= own

    fitting = [thing for thing in scene.things if fits(thing)]
    return sum(thing.count for thing in fitting) >= int(count or 1)


def _has_event(stated: str, scene: DirectedScene) -> bool:
    kind, _, rest = stated.partition(":")
    actor, _, target = rest.partition(">")
    for finding in scene.events:
        event = finding.event
        if event.is_negated or finding.seconds is None or event.kind not in (kind, *_IMPLIES.get(kind, ())):
            continue
        nouns = (event.actor.noun, event.target.noun if event.target is not None else "")
        if kind == "topple" and event.kind == "knock_over":
            nouns = (nouns[1], "")
        if nouns[0] == actor and (not target or nouns[1] == target):
            return True
    return False


def measure(halves: tuple[str, ...] = HALVES, progress: Callable[[str], None] = print) -> list[Row]:
    """Return one row for each half and group.

    outcome of a prompt:
        right:    a verified scene that holds all that the prompt states; for prompts that ask for nothing physical, a
                  sentence
        stated:   one sentence says what was not understood or cannot be made to happen
        wrong:    a scene without something that is stated, or of a prompt that asks for nothing physical
    seconds: of a prompt, parsing, all simulations and checks, without the first prompt, which loads the programs
    """
    direct("a ball falls")
    rows: list[Row] = []
    for half in halves:
        groups: dict[str, list[tuple[str, float]]] = {}
        for prompt in prompts(half):
            outcome, seconds, remark = _outcome(prompt)
            groups.setdefault(prompt.group, []).append((outcome, seconds))
            if outcome != "right":
                progress(f"{half} {outcome}: {prompt.words} -> {remark}")
        for group, results in groups.items():
            rows += _rows(half, group, results)
    return rows


def _rows(half: str, group: str, results: list[tuple[str, float]]) -> list[Row]:
    counts = {name: sum(outcome == name for outcome, _ in results) for name in ("right", "stated", "wrong")}
    share = round(counts["right"] / len(results), 3)
    seconds = [time for _, time in results]
    median = round(statistics.median(seconds), 3)
    command = f"python -m benchmarks words --half {half} --json"
    target = None if group == "hard" else 0.85
    return [
        Row(
            name=f"words, {half}, {group}: prompts answered right",
            value=share,
            unit="share",
            target=target,
            meets=None if target is None else share >= target,
            spread=f"{len(results)} prompts: " + ", ".join(f"{count} {name}" for name, count in counts.items()),
            command=command,
        ),
        Row(
            name=f"words, {half}, {group}: time of a prompt",
            value=median,
            unit="s",
            target=2.0,
            meets=median < 2.0,
            spread=f"median; largest {max(seconds):.2f} s",
            command=command,
        ),
    ]


def _outcome(prompt: Prompt) -> tuple[str, float, str]:
    start = time.perf_counter()
    try:
        scene = direct(prompt.words)
    except WordsError as error:
        return "right" if prompt.refused else "stated", time.perf_counter() - start, str(error)
    seconds = time.perf_counter() - start
    if prompt.refused:
        return "wrong", seconds, "a scene was made"
    missing = lacking(prompt, scene)
    return "wrong" if missing else "right", seconds, f"without {', '.join(missing)}"
