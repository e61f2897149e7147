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

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class Names:
    """How the bodies of a scene are called: "the red ball", or "a red ball" where two would be the same."""

    def __init__(self, spec: SceneSpec) -> None:
        words = {body.name: _words(body) for body in spec.bodies}
        counts = Counter(words.values())
        self._names = {name: f"the {text}" if counts[text] == 1 else with_article(text) for name, text in words.items()}

    def __getitem__(self, name: str) -> str:
        return self._names[name]


def _words(body: Body) -> str:
    return body.noun if not body.is_instance else f"{body.appearance.color_name} {body.noun}"


def with_article(text: str) -> str:
    """Return "a red ball", "an orange ball"."""
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def another(text: str) -> str:
    """Return "another red ball" for "a red ball"."""
    return f"another {text.partition(' ')[2]}"


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
