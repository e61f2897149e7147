"""The words of captions: how bodies are called, and several ways to say each event."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from physics_data.core.clip import EventKind
from physics_data.core.scene import Body, SceneSpec

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
