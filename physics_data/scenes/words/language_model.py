"""Scenes from a language model behind any OpenAI-compatible endpoint: constrained to our scene file, corrected by lint.

Source: OpenAI API reference, "Create chat completion", field ``response_format`` of type ``json_schema``.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

from physics_data.core.errors import ConfigError, EngineError, SceneSpecError, WorldsimError
from physics_data.engines import ENGINES
from physics_data.scenes.scene_file import SceneFile, scene_of
from physics_data.scenes.words.description import Story, WordsError
from physics_data.scenes.words.direct import DirectedScene, framed, understood
from physics_data.scenes.words.lexicon import language_of
from physics_data.scenes.words.verification import Finding, lint, verify
from physics_data.scenes.words.viewpoint import share_in_view

ROUNDS = 4
"""Requests for one text: the first, and up to three with what was wrong."""

KEY_VARIABLE = "OPENAI_API_KEY"
"""Environment variable with the key; not needed by local servers."""

_SYSTEM = (
    "You write one physics scene as JSON that follows the given schema, and nothing else. Lengths in m, times in s, "
    "masses in kg, angles in degrees. x points right, y away from the camera, z up; the floor is z = 0. Each body has "
    "exactly one shape (sphere: radius; box: full sizes; cylinder and capsule: radius and height) and a place: `on` "
    "the floor or another body with an `offset` in x and y, or a `position`. Static bodies carry others. Bodies must "
    "not overlap at the start. Choose velocities so that everything that the text states happens within the duration. "
    "Name the bodies after what they are, e.g. red_ball, table, domino_1."
)


class LanguageModelError(WorldsimError):
    """A language model that cannot be reached, or does not answer with a scene."""


@dataclass(frozen=True)
class LanguageModel:
    """An endpoint.

    url:      base of the API, e.g. http://127.0.0.1:8080/v1
    model:    its name there
    timeout:  s, of one request
    """

    url: str
    model: str
    timeout: float = 120.0

    def complete(self, messages: list[dict[str, str]]) -> str:
        """Return the text of an answer that the endpoint constrains to the schema of scene files.

        Raises:
            LanguageModelError: not reachable, an HTTP error, or an answer of another form.
        """
        if urlparse(self.url).scheme not in ("http", "https"):
            raise LanguageModelError(f"--llm {self.url} is no URL; write e.g. --llm http://127.0.0.1:8080/v1.")
        body = json.dumps(request_body(self.model, messages)).encode()
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY_VARIABLE):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(f"{self.url.rstrip('/')}/chat/completions", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                data: Any = json.loads(answer.read(4_000_000))
            content = data["choices"][0]["message"]["content"]
        except urllib.error.HTTPError as error:
            said = error.read(300).decode(errors="replace").strip()
            key_hint = f" Set {KEY_VARIABLE}." if error.code in (401, 403) else ""
            raise LanguageModelError(f"{self.url} answered {error.code} {error.reason}: {said}.{key_hint}") from error
        except OSError as error:
            raise LanguageModelError(f"no language model at {self.url}: {getattr(error, 'reason', error)}.") from error
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise LanguageModelError(f"{self.url} answered with something that is no chat completion.") from error
        if not isinstance(content, str):
            raise LanguageModelError(f"{self.url} answered without text.")
        return content


def request_body(model: str, messages: list[dict[str, str]]) -> dict[str, Any]:
    """Return the JSON of a request: the messages, and the schema that the answer must follow."""
    schema = {"name": "scene", "schema": SceneFile.model_json_schema()}
    return {
        "model": model,
        "messages": messages,
        "temperature": 0,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }


def direct_with(
    complete: Callable[[list[dict[str, str]]], str], words: str, *, language: str | None = None
) -> DirectedScene:
    """Ask a language model for a scene, and hand back what is wrong with it until nothing is.

    What the words state is also read by the embedded parser; each event that it finds among bodies of the answer must
    occur.

    Args:
        complete: messages to the text of an answer, e.g. ``LanguageModel(url, name).complete``
        words: what happens
        language: of the words, for the parser

    Raises:
        LanguageModelError: not reachable, or no scene without faults in ``ROUNDS`` answers; says the last fault.
    """
    try:
        story = understood(words, language)
    except WordsError:
        story = Story(words, language or language_of(words))
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": words}]
    fault = ""
    for number in range(1, ROUNDS + 1):
        answer = complete(messages)
        try:
            return _checked(answer, story, number)
        except (ConfigError, SceneSpecError, EngineError, LanguageModelError) as error:
            fault = str(error)
        wrong = f"This scene has a fault: {fault}\nAnswer with the whole scene, mended, as JSON."
        messages += [{"role": "assistant", "content": answer[:20_000]}, {"role": "user", "content": wrong}]
    raise LanguageModelError(f"the language model made no scene in {ROUNDS} answers; the last fault: {fault}")


def _checked(answer: str, story: Story, number: int) -> DirectedScene:
    try:
        document: Any = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise LanguageModelError(f"the answer is no JSON ({error}).") from error
    if not isinstance(document, dict):
        raise LanguageModelError("the answer is no JSON object.")
    loaded = scene_of(document, "the answer")
    if faults := lint(loaded.spec):
        raise LanguageModelError(f"{'; '.join(faults)}.")
    trajectory = ENGINES.get("mujoco")().simulate(loaded.spec)
    names = {body.name for body in loaded.spec.bodies}
    named = Story(story.text, story.language, camera=story.camera)
    named.events = [
        event
        for event in story.events
        if {*event.actor.members, *(event.target.members if event.target is not None else ())} <= names
    ]
    findings: list[Finding] = verify(named, loaded.spec, trajectory)
    if missed := [str(finding.event) for finding in findings if not finding.holds]:
        raise LanguageModelError(f"this does not happen in simulation: {'; '.join(missed)}.")
    for finding in findings:
        for name in finding.event.actor.members:
            share = share_in_view(loaded.spec, trajectory.position[:, loaded.spec.body_index(name)])
            if share < 0.5:
                raise LanguageModelError(f"the camera sees {name} only {share:.0%} of the time; leave the camera out.")
    unchecked = [f"not checked: {event}" for event in story.events if event not in named.events]
    return framed(named, document, loaded.spec, trajectory, findings, number, [*unchecked])
