"""What a text states: things, where they are, what happens to them, and how it is seen."""

from dataclasses import dataclass, field

from physics_data.core.errors import WorldsimError
from physics_data.scenes.words.lexicon import things


class WordsError(WorldsimError):
    """A text of which no scene can be made, or not all that it states."""


@dataclass
class Thing:
    """One thing, or several alike.

    name:         of the body; bodies of several are name_1, name_2, ...
    noun:         entry of things.yaml
    colors:       one for all, or one for each
    sizes:        words such as "big", "tall"
    weight:       "heavy", "light" or None; kilograms: a stated mass
    arrangement:  "row", "stack" or None
    place:        relation and what it refers to
    is_hung:      hangs from a pivot
    """

    name: str
    noun: str
    count: int = 1
    colors: list[str] = field(default_factory=list)
    material: str | None = None
    sizes: list[str] = field(default_factory=list)
    weight: str | None = None
    kilograms: float | None = None
    metres: float | None = None
    arrangement: str | None = None
    place: list[tuple[str, list["Thing"]]] = field(default_factory=list)
    is_hung: bool = False
    speed: str | float | None = None
    height: float | None = None

    @property
    def kind(self) -> str:
        """The kind of its entry in things.yaml."""
        return things()[self.noun]["kind"]

    @property
    def members(self) -> list[str]:
        """The names of its bodies."""
        return [self.name] if self.count == 1 else [f"{self.name}_{number}" for number in range(1, self.count + 1)]

    def place_of(self, *relations: str) -> "Thing | None":
        """Return what the first of the relations refers to."""
        return next((others[0] for relation, others in self.place if relation in relations), None)


@dataclass
class Event:
    """Something that must occur, or must not (``is_negated``).

    kind:     e.g. "roll", "fall", "hit", "knock_over", "pass_behind", "rest"; see verification.CHECKS
    target:   what is hit, passed, ...
    support:  what carries the actor in the meantime
    """

    kind: str
    actor: Thing
    target: Thing | None = None
    support: Thing | None = None
    is_negated: bool = False
    speed: str | float | None = None

    def __str__(self) -> str:
        words = "not " if self.is_negated else ""
        words += f"{self.kind.replace('_', ' ')}: {self.actor.name}"
        if self.target is not None:
            words += f", {self.target.name}"
        return words + (f" (on {self.support.name})" if self.support is not None else "")


@dataclass
class Story:
    """All that a text states, in its order.

    camera, light, gravity, direction: meanings of the tables of these names
    unknown:  words that were not understood; read_as: misspelt word → what it was taken for
    missing:  things and motions that cannot be shown, by which the text is refused
    assumed:  what was added
    named_exactly: whether some thing is named by a word that is spelt right
    """

    text: str
    language: str
    things: list[Thing] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    camera: list[str] = field(default_factory=list)
    light: str | None = None
    gravity: str | None = None
    direction: str | None = None
    unknown: list[str] = field(default_factory=list)
    read_as: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    named_exactly: bool = True

    def of(self, kind: str, actor: Thing | None = None) -> list[Event]:
        """Return the events of a kind that must occur."""
        return [e for e in self.events if e.kind == kind and not e.is_negated and actor in (None, e.actor)]
