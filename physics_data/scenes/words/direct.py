"""``direct``: words to a scene in which all that they state was seen to happen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from physics_data.core.errors import ConfigError, EngineError, SceneSpecError
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.engines import ENGINES
from physics_data.renderers import RENDERERS
from physics_data.scenes.scene_file import scene_of
from physics_data.scenes.words.description import Event, Story, Thing, WordsError
from physics_data.scenes.words.grammar import parse
from physics_data.scenes.words.layout import Numbers, Stage
from physics_data.scenes.words.lexicon import lexicon
from physics_data.scenes.words.verification import Film, Finding, lint, verify
from physics_data.scenes.words.viewpoint import camera_entry

TRIES = 8
"""Most simulations of one text."""

_AFTER = 0.7
"""Seconds that a film goes on after the last event."""


class _Dumper(yaml.SafeDumper):
    """Writes lists of numbers in one line, and each value where it is used."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write no anchors."""
        return True


def _list(dumper: _Dumper, values: list[Any]) -> yaml.Node:
    flat = not any(isinstance(value, dict) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


_Dumper.add_representer(list, _list)


def scene_text(document: dict[str, Any]) -> str:
    """Return the keys of a scene file as YAML."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


@dataclass(frozen=True)
class DirectedScene:
    """A scene made of words.

    spec:     the scene; ``ws.simulate(spec)`` films it
    document: the same as a scene file
    events:   what the words state, with the time at which it occurs
    assumed:  what was added; unknown: words that were not understood; read_as: misspelt word → word
    things:   what the words name; tries: simulations that were needed
    """

    words: str
    spec: SceneSpec
    document: dict[str, Any]
    events: tuple[Finding, ...]
    assumed: tuple[str, ...]
    unknown: tuple[str, ...]
    read_as: dict[str, str]
    things: tuple[Thing, ...]
    tries: int

    @property
    def text(self) -> str:
        """The scene file."""
        return "".join(f"# {line}\n" for line in self.remarks()) + scene_text(self.document)

    def save(self, path: str | Path) -> None:
        """Write the scene file."""
        from physics_data.core.atomic import write_text

        write_text(Path(path), self.text)

    def remarks(self) -> list[str]:
        """Return what was seen, assumed and not understood, one sentence each."""
        found = [f"{e.seconds:.2f} s  {e.event}" for e in self.events if e.seconds is not None]
        found += [f"does not happen: {e.event}" for e in self.events if e.seconds is None]
        found += [f"assumed: {line}" for line in self.assumed]
        found += [f"'{given}' was read as '{known}'" for given, known in self.read_as.items()]
        return found + [f"not understood: '{word}'" for word in self.unknown]


def direct(
    words: str,
    *,
    seed: int = 0,
    language: str | None = None,
    llm: str | None = None,
    llm_model: str | None = None,
    fallback: bool = False,
) -> DirectedScene:
    """Make a scene of words and check in simulation that it shows what they state.

    Args:
        words: what happens, in a language that has a lexicon, e.g. "a red ball rolls off a table"
        seed: of the numbers that are tried
        language: "en", "ko"; default: the one that reads most of the words
        llm: URL of an OpenAI-compatible endpoint whose model writes the scene, e.g. "http://127.0.0.1:8080/v1"
        llm_model: its name there; the key is read from the environment (OPENAI_API_KEY)
        fallback: whether the embedded parser takes over where the language model fails

    Raises:
        LanguageModelError: the language model cannot be reached or makes no scene, and ``fallback`` is not set.
        WordsError: nothing physical in the words, something that cannot be shown, or an event that cannot be made to
            happen; one sentence says which.

    Examples:
        >>> scene = direct("a blue ball falls on a green box")
        >>> [finding.event.kind for finding in scene.events]
        ['fall', 'hit']
    """
    failed = ""
    if llm is not None:
        from physics_data.scenes.words.language_model import LanguageModel, LanguageModelError, direct_with

        if not llm_model:
            raise ConfigError("a language model needs its name: give --llm-model NAME beside --llm URL.")
        try:
            return direct_with(LanguageModel(llm, llm_model).complete, words, language=language)
        except LanguageModelError as error:
            if not fallback:
                raise
            failed = f"the embedded parser, since {error}"
    elif llm_model or fallback:
        raise ConfigError("--llm-model and --fallback belong to a language model; give its --llm URL, too.")
    story = understood(words, language)
    if failed:
        story.assumed.append(failed)
    return solve(story, seed)


def understood(words: str, language: str | None = None) -> Story:
    """Return what words state, all of which can be shown.

    Raises:
        WordsError: as ``direct``.
    """
    story = parse(words, language)
    can = _abilities(story.language)
    if story.missing:
        named = ", ".join(f"'{word}'" for word in dict.fromkeys(story.missing))
        raise WordsError(f"a scene cannot show {named}; {can}.")
    if not story.things:
        raise WordsError(f"there is nothing physical in '{words.strip()[:80]}'; {can}.")
    if not story.events and story.unknown and not story.named_exactly:
        named = ", ".join(f"'{word}'" for word in dict.fromkeys([*story.unknown, *story.read_as]))
        raise WordsError(f"nothing in '{words.strip()[:80]}' is understood ({named}); {can}.")
    if not story.events:
        story.assumed.append("nothing moves")
        story.events = [Event("stay", thing) for thing in story.things if thing.kind in ("body", "cup")]
    return story


def _abilities(language: str) -> str:
    table = lexicon(language)
    nouns = list(table.words_for("things").values())
    verbs = [word for meaning, word in table.words_for("verbs").items() if meaning not in ("show", "down", "stack")]
    return f"it can show {', '.join(nouns[:10])}, ... which {', '.join(verbs[:9])}, ..."


def solve(story: Story, seed: int = 0) -> DirectedScene:
    """Try numbers until each event of a story occurs.

    Raises:
        WordsError: an event cannot be made to happen in ``TRIES`` simulations.
    """
    rng = np.random.default_rng(seed)
    numbers = Numbers()
    failure = ""
    best: list[Finding] = []
    for number in range(1, TRIES + 1):
        try:
            stage = Stage(story, numbers)
            loaded = scene_of(stage.document, "the scene of these words")
            wrong = lint(loaded.spec)
            if wrong:
                raise ConfigError(wrong[0])
            trajectory = ENGINES.get("mujoco")().simulate(loaded.spec)
        except (ConfigError, SceneSpecError, EngineError) as error:
            failure = str(error)
            numbers = numbers.changed(
                gap=numbers.gap * rng.uniform(1.1, 1.4), height=numbers.height * rng.uniform(1.05, 1.3)
            )
            continue
        findings = verify(story, loaded.spec, trajectory)
        if all(finding.holds for finding in findings):
            return framed(story, stage.document, loaded.spec, trajectory, findings, number, stage.assumed)
        best = findings
        numbers = _next(numbers, story, Film(loaded.spec, trajectory), findings, rng)
    missed = [str(finding.event) for finding in best if not finding.holds]
    if missed:
        raise WordsError(
            f"cannot make this happen in {TRIES} tries: {'; '.join(missed)}. Say it in another way, e.g. with fewer "
            "events, or change the numbers in a scene file."
        )
    raise WordsError(
        f"these words make no scene: {_reason(failure)}. Say in other words where things are, or name fewer of them."
    )


def _reason(failure: str) -> str:
    """Return what is wrong without what an error advises: that is for the writer of a scene file."""
    first = failure.splitlines()[0] if failure else "nothing fits"
    return first.removeprefix("the scene of these words: ").partition(";")[0].rstrip(".:")


def _next(numbers: Numbers, story: Story, film: Film, findings: list[Finding], rng: np.random.Generator) -> Numbers:
    """Return numbers under which what did not happen is more likely to."""
    values: dict[str, Any] = {}
    for finding in findings:
        if finding.holds:
            continue
        event, kind = finding.event, finding.event.kind
        if event.is_negated:
            values["speed"] = numbers.speed * rng.uniform(0.5, 0.8)
        elif kind in ("hit", "push", "knock_over", "inside", "approach") and event.target is not None:
            met = film.touches(event.actor.members[0], event.target.members[0]).any() or any(
                film.touches(a, b).any() for a in event.actor.members for b in event.target.members if a != b
            )
            if met and kind != "inside":
                values["speed"] = numbers.speed * rng.uniform(1.25, 1.5)
                values["weight"] = numbers.weight * rng.uniform(1.5, 2.2)
                values["swing"] = min(numbers.swing + rng.uniform(8, 14), 85.0)
                values["spacing"] = numbers.spacing * rng.uniform(0.75, 0.95)
            else:
                shift = dict(numbers.shift)
                name = event.target.name
                shift[name] = shift.get(name, 0.0) + _correction(film, findings, event, rng)
                values["shift"] = shift
                if rng.uniform() < 0.4:
                    values["speed"] = numbers.speed * rng.uniform(1.1, 1.4)
        elif kind == "rest":
            values["duration"] = min(numbers.duration * 1.5, 8.0)
            values["bounce"] = numbers.bounce * 0.5
            if numbers.duration > 5:
                values["speed"] = numbers.speed * rng.uniform(0.5, 0.9)
                values["friction"] = rng.uniform(0.15, 0.5)
        elif kind in ("slide", "spin"):
            values["friction"] = (0.05 if numbers.friction is None else numbers.friction) * rng.uniform(0.3, 0.8)
            values["angle"] = min(numbers.angle + rng.uniform(3, 8), 40.0)
            values["speed"] = numbers.speed * rng.uniform(1.1, 1.4)
        elif kind == "roll":
            values["angle"] = min(numbers.angle + rng.uniform(0, 5), 35.0)
            values["speed"] = numbers.speed * rng.uniform(0.8, 1.3)
        elif kind == "bounce":
            values["height"] = numbers.height * rng.uniform(1.1, 1.4)
            values["duration"] = min(numbers.duration * 1.3, 6.0)
        elif kind in ("topple", "swing", "throw"):
            values["speed"] = numbers.speed * rng.uniform(1.15, 1.5)
            values["swing"] = min(numbers.swing + 10.0, 85.0)
        elif kind == "stay":
            values["speed"] = numbers.speed * rng.uniform(0.8, 1.2)
        else:
            values["speed"] = numbers.speed * rng.uniform(1.15, 1.45)
            values["duration"] = min(numbers.duration * 1.35, 7.0)
    return numbers.changed(**values)


def _correction(film: Film, findings: list[Finding], event: Event, rng: np.random.Generator) -> float:
    """Return how far, m along x, a target must move to stand where its actor passes low."""
    assert event.target is not None
    place, target = film.position(event.actor.members[0]), film.position(event.target.members[0])[0]
    earlier = [
        f.seconds for f in findings if f.seconds is not None and f.event.actor is event.actor and f.event is not event
    ]
    start = int(max(earlier, default=0.0) * film.rate)
    height = 2 * film.half(event.target.members[0])[2]
    bottom = place[:, 2] - film.half(event.actor.members[0])[2]
    low = (bottom < target[2] - film.half(event.target.members[0])[2] + 0.7 * height) & (np.arange(len(place)) >= start)
    reach = film.half(event.target.members[0])[0] + film.half(event.actor.members[0])[0]
    if event.kind == "inside" or film.spec.bodies[film.index[event.target.members[0]]].is_static:
        level = film.top(event.target.members[0])
        under = np.flatnonzero((bottom < level) & (np.arange(len(place)) >= start))
        if len(under):
            return float(place[under[0], 0] - target[0])
    high = np.flatnonzero(~low & (np.arange(len(place)) >= start))
    first = min(int(high[-1]) + 1 if len(high) else start, len(place) - 1)
    if first >= len(place) - 2:  # never low for long: nearer to where it was
        return float(0.5 * (place[-1, 0] - target[0])) + rng.uniform(-0.2, 0.2)
    last = float(place[first:, 0].max())
    wanted = min(float(place[first, 0]) + reach + rng.uniform(0.05, 0.3), last + 0.4 * reach)
    return wanted - float(target[0])


def framed(
    story: Story,
    document: dict[str, Any],
    spec: SceneSpec,
    trajectory: Trajectory,
    findings: list[Finding],
    tries: int,
    assumed: list[str],
) -> DirectedScene:
    """Cut the film after its last event, and frame it where the document has no camera.

    Raises:
        WordsError: the camera sees all the time what passes behind something.
    """
    last = max((f.seconds for f in findings if f.seconds is not None), default=0.0)
    longest = (spec.num_frames - 1) / spec.frame_rate
    quiet = any(f.event.kind in ("stay", "spin", "swing", "bounce") or f.event.is_negated for f in findings)
    seconds = min(longest, max(last + _AFTER, 2.0 if quiet else 1.2))
    frames = 1 + round(seconds * spec.frame_rate)
    kept = Trajectory(
        trajectory.position[:frames],
        trajectory.orientation[:frames],
        trajectory.linear_velocity[:frames],
        trajectory.angular_velocity[:frames],
        Contacts.none(),
    )
    document = {key: value for key, value in document.items() if key != "num_frames"}
    document["duration"] = (frames - 1) / spec.frame_rate
    if not document.get("camera"):
        actors = list(dict.fromkeys(name for f in findings for name in f.event.actor.members))
        document["camera"] = camera_entry(story, spec, kept, actors)
    if story.direction == "left":
        document = mirrored(document)
    loaded = scene_of(document, "the scene of these words")
    _check_hidden(story, loaded.spec)
    notes = [note for note in loaded.notes if not note.startswith("camera")]
    return DirectedScene(
        story.text,
        loaded.spec,
        document,
        tuple(findings),
        (*story.assumed, *assumed, *notes),
        tuple(story.unknown),
        dict(story.read_as),
        tuple(story.things),
        tries,
    )


def _check_hidden(story: Story, spec: SceneSpec) -> None:
    """Refuse a view in which what passes behind something is never covered."""
    behind = story.of("pass_behind")
    if not behind:
        return
    small = spec.model_copy(update={"width": 96, "height": 54})
    rendering = RENDERERS.get("raycast")().render(small, ENGINES.get("mujoco")().simulate(small), frozenset())
    fraction = rendering.visible_fraction()
    names = [body.name for body in spec.instances]
    for event in behind:
        least = min(float(fraction[:, names.index(name)].min()) for name in event.actor.members)
        if least > 0.8:
            raise WordsError(
                f"the camera sees {event.actor.name} all the time while it passes behind what is there; ask for "
                "another view, or for something taller to pass behind."
            )


def mirrored(document: dict[str, Any]) -> dict[str, Any]:
    """Return a scene file with left and right exchanged."""

    def vector(value: list[float]) -> list[float]:
        return [-value[0], *value[1:]]

    def turn(value: list[float]) -> list[float]:
        return [value[0], -value[1], -value[2]]

    def body(entry: dict[str, Any]) -> dict[str, Any]:
        found = dict(entry)
        for key in ("position", "offset", "velocity"):
            if key in found:
                found[key] = vector(found[key])
        for key in ("spin", "rotation"):
            if key in found:
                found[key] = turn(found[key])
        if "parts" in found:
            found["parts"] = [
                {**p, "position": vector(p["position"])} if "position" in p else p for p in found["parts"]
            ]
        return found

    changed = {**document, "bodies": {name: body(entry) for name, entry in document["bodies"].items()}}
    if "joints" in document:
        changed["joints"] = [
            {**joint, "at": vector(joint["at"]), "axis": turn(joint["axis"])} for joint in document["joints"]
        ]
    camera = document.get("camera", {})
    changed["camera"] = {
        key: vector(value) if key in ("position", "target") else value for key, value in camera.items()
    }
    if "path" in camera:
        changed["camera"]["path"] = [
            {**key, "position": vector(key["position"]), "target": vector(key["target"])} for key in camera["path"]
        ]
    return changed
