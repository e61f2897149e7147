"""Scenes of many bodies: where they stand, how they are spoken of, and how they are seen from above."""

import math
from collections.abc import Sequence

from physics_data.core.scene import Appearance, Body, SceneSpec
from physics_data.scenarios.base import SceneSettings, describe

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_PLURALS = {"box": "boxes", "domino": "dominoes"}


def plural(noun: str) -> str:
    """Return the plural of a body's noun."""
    return _PLURALS.get(noun, f"{noun}s")


def members(spec: SceneSpec, prefix: str) -> list[int]:
    """Return the positions in ``spec.bodies`` of a group, whose bodies are called ``prefix_0``, ``prefix_1``, ..."""
    return [
        spec.body_index(f"{prefix}_{k}") for k in range(sum(body.name.startswith(f"{prefix}_") for body in spec.bodies))
    ]


def describe_group(bodies: Sequence[Body]) -> str:
    """Return for example "six small red balls", of bodies of one colour, size and kind."""
    first = bodies[0]
    words = describe(first).split(" ", 1)[1].removesuffix(first.noun)
    return f"{NUMBERS[len(bodies)]} {words}{first.noun if len(bodies) == 1 else plural(first.noun)}"


def triangle(rows: int, spacing: float) -> list[tuple[float, float]]:
    """Return where the bodies of a rack stand, (ahead, across) in m: row k of the triangle has k + 1 of them.

    The first stands at (0, 0). Neighbours are ``spacing`` apart.
    """
    return [
        (row * spacing * math.sqrt(0.75), (place - 0.5 * row) * spacing)
        for row in range(rows)
        for place in range(row + 1)
    ]


def alternating(looks: Sequence[Appearance], count: int) -> list[Appearance]:
    """Return the looks of bodies that touch one another, so that the line between two of them is seen."""
    return [looks[index % len(looks)] for index in range(count)]


def from_above(settings: SceneSettings, elevation: float, target_height: float = 0.2) -> SceneSettings:
    """Return settings whose camera is as far away but looks down at the middle of the floor.

    Units:
        elevation:      degrees over the horizon, of the camera seen from what it looks at
        target_height:  m
    """
    away = math.hypot(settings.camera_distance, settings.camera_height - settings.camera_target_height)
    angle = math.radians(elevation)
    return settings.model_copy(
        update={
            "camera_distance": away * math.cos(angle),
            "camera_height": target_height + away * math.sin(angle),
            "camera_target_height": target_height,
        }
    )
