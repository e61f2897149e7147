"""What an editor is: it takes a motion that can happen and returns one that cannot, beside its lawful relatives.

There are two kinds. A *switch* gives two worlds that can both happen and differ in one thing; the impossible clips
begin in one of them and go on in the other, so they consist of the very frames of the possible ones. A *break* gives
one motion that follows a law and one that does not, which cannot share frames; they share the scene and as much of the
motion as the violation allows, and a lawful control does the same thing for a reason.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from physics_data.core.config import StrictModel
from physics_data.core.errors import ClipRejectedError
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory

Category = Literal[
    "permanence",
    "immutability",
    "continuity",
    "solidity",
    "gravity",
    "support",
    "inertia",
    "collision",
    "friction",
    "persistence",
]

Simulate = Callable[[SceneSpec], Trajectory]
"""An engine's ``simulate``."""


class EditorInfo(StrictModel):
    """What an editor breaks, and how its clips are matched.

    law:        the law that the impossible clips break
    severity:   what a severity from 0 (nothing) to 1 means, with unit
    is_hidden:  whether it happens where nobody sees it: behind something, or out of the picture
    is_switch:  whether its sets are quadruplets of the same frames; otherwise they are possible, impossible, control
    scenarios:  those whose scenes it edits
    matched:    what possible and impossible clips have in common
    """

    name: str
    law: str
    category: Category
    severity: str
    is_hidden: bool = False
    is_switch: bool = True
    scenarios: tuple[str, ...]
    matched: str = "every frame of the impossible clips is one of the possible clips, at the same time"


@dataclass(frozen=True)
class World:
    """A scene and how it moves."""

    spec: SceneSpec
    trajectory: Trajectory


@dataclass(frozen=True)
class Switch:
    """Two worlds that can happen, with the same bodies in the same order; ``bodies`` names those that differ."""

    first: World
    second: World
    bodies: tuple[str, ...]

    @property
    def worlds(self) -> tuple[World, ...]:
        """All of them."""
        return self.first, self.second


@dataclass(frozen=True)
class Break:
    """A motion that can happen and one that cannot, of the same bodies, and a lawful relative of the second.

    seconds:    from when to when the law is broken
    residuals:  by how much, measured on the motion; unit in the name
    """

    possible: World
    impossible: World
    control: World
    seconds: tuple[float, float]
    residuals: dict[str, float]

    @property
    def worlds(self) -> tuple[World, ...]:
        """All of them."""
        return self.possible, self.impossible, self.control


@runtime_checkable
class Editor(Protocol):
    """One way in which a motion cannot happen. It holds no state; equal arguments give equal motions."""

    info: ClassVar[EditorInfo]

    def applies_to(self, world: World) -> str | None:
        """Return why this motion cannot be edited, or None if it can."""
        ...

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Switch | Break:
        """Return the motions of a set.

        Args:
            world: a motion that ``applies_to`` accepts; the set may be of a changed scene, e.g. with a wall in it
            severity: how large the violation is, above 0 and at most 1, as ``info.severity`` says

        Raises:
            ClipRejectedError: this draw of the scene leaves no room for it; draw again.
        """
        ...


def hidden(info: EditorInfo, *scenarios: str) -> EditorInfo:
    """Return the record of a switch as it is made where nobody sees it."""
    return info.model_copy(update={"name": f"hidden_{info.name}", "is_hidden": True, "scenarios": scenarios})


def refuse(world: World, why: str, reason: str) -> ClipRejectedError:
    """Return the error that says why a motion cannot be edited; ``reason`` is its short name."""
    return ClipRejectedError(f"scene {world.spec.index} of '{world.spec.scenario}': {why}; draw again.", reason=reason)
