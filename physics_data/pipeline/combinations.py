"""Combinations that training never shows: fast red things, where it shows red things and fast ones."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator, model_validator

from physics_data.core.config import StrictModel
from physics_data.core.scene import Body, Box, Cylinder, SceneSpec, Sphere
from physics_data.variation.colors import COLORS

Interval = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]


class Combination(StrictModel):
    """What a body has at once, and where. An attribute that is left out does not matter; at least two are named.

    scenarios:  in whose scenes the combination is held out; scenes of others may have it
    colors:     names from ``variation.colors``
    nouns:      what captions call the body: ball, box, disc, ...
    radius:     smallest and largest half of the width on the floor, m; of a ball its radius
    speed:      smallest and largest speed in the first frame, m/s
    """

    scenarios: Annotated[tuple[str, ...], Field(min_length=1)]
    colors: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    radius: Interval | None = None
    speed: Interval | None = None

    @field_validator("colors")
    @classmethod
    def _known_colors(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in COLORS]
        if unknown:
            raise ValueError(f"color '{unknown[0]}' is unknown; write some of {', '.join(COLORS)}")
        return names

    @model_validator(mode="after")
    def _combines(self) -> "Combination":
        for name in ("radius", "speed"):
            ends = getattr(self, name)
            if ends is not None and ends[0] >= ends[1]:
                raise ValueError(f"{name}: [{ends[0]}, {ends[1]}] is empty; write the smaller value first")
        if sum(bool(value) for value in (self.colors, self.nouns, self.radius, self.speed)) < 2:
            raise ValueError("a combination is of two attributes or more: colors, nouns, radius, speed")
        return self

    def is_in(self, spec: SceneSpec) -> bool:
        """Return whether a body that can move has all of it."""
        return spec.scenario in self.scenarios and any(self._fits(body) for body in spec.bodies if body.is_dynamic)

    def _fits(self, body: Body) -> bool:
        return (
            (not self.colors or body.appearance.color_name in self.colors)
            and (not self.nouns or body.noun in self.nouns)
            and (self.radius is None or _within(_radius(body), self.radius))
            and (self.speed is None or _within(float(np.linalg.norm(body.linear_velocity)), self.speed))
        )


NO_COMBINATIONS: Mapping[str, Combination] = {}


def combinations_in(spec: SceneSpec, combinations: Mapping[str, Combination]) -> set[str]:
    """Return the names of the combinations that a scene has."""
    return {name for name, combination in combinations.items() if combination.is_in(spec)}


def _within(value: float, ends: Interval) -> bool:
    return ends[0] <= value <= ends[1]


def _radius(body: Body) -> float:
    if isinstance(body.shape, Sphere | Cylinder):
        return body.shape.radius
    if isinstance(body.shape, Box):
        return max(body.shape.half_extents[:2])
    return float("nan")
