"""Bodies that turn into others: shape, colour, size, texture."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Body, Capsule, Color
from physics_data.editors.editor import EditorInfo, Simulate, Switch, World, hidden
from physics_data.editors.motions import ball_of, need_ball, need_subject, resized, the_subject, widened, with_body
from physics_data.editors.presence import IN_SIGHT, SCREENED
from physics_data.variation.colors import COLORS

_SHRINK = 0.5
_STRETCH = 1.2
_TEXTURE_SCALE = 0.3


class _Swap(ABC):
    """A body turns into another one, which moves as it would have from the start."""

    def applies_to(self, world: World) -> str | None:
        """Return why no body can turn into another one, or None."""
        return need_subject(world)

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Switch:
        """Return the world with the body as it is, and that with the other one in its place."""
        body = the_subject(world.spec)
        other = self._other(world, body, severity, rng)
        spec = with_body(world.spec, other)
        is_look = other.model_copy(update={"appearance": body.appearance}) == body
        return Switch(world, World(spec, world.trajectory if is_look else simulate(spec)), (body.name,))

    @abstractmethod
    def _other(self, world: World, body: Body, severity: float, rng: np.random.Generator) -> Body: ...


class ColorSwap(_Swap):
    """A body changes its colour."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="color_swap",
        law="immutability: a body keeps its colour",
        category="immutability",
        severity="share of the way to another named colour; residual: distance of the albedos, linear light",
        scenarios=IN_SIGHT,
    )

    def _other(self, world: World, body: Body, severity: float, rng: np.random.Generator) -> Body:
        look = body.appearance
        used = {other.appearance.color_name for other in world.spec.bodies}
        name = str(rng.choice([name for name in sorted(COLORS) if name not in {*used, "white", "black"}]))
        changed = {
            "albedo": _between(look.albedo, COLORS[name], severity),
            "color_name": name if severity > 0.5 else look.color_name,
        }
        return body.model_copy(update={"appearance": look.model_copy(update=changed)})


class TextureSwap(_Swap):
    """A plain body gets a pattern."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="texture_swap",
        law="immutability: a body keeps its surface",
        category="immutability",
        severity="contrast of the pattern, as a share of the way to white; residual: distance of the albedos",
        scenarios=IN_SIGHT,
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no body can get a pattern, or None."""
        why = need_subject(world)
        if why is None and the_subject(world.spec).appearance.pattern != "plain":
            return "its first object has a pattern already"
        return why

    def _other(self, world: World, body: Body, severity: float, rng: np.random.Generator) -> Body:
        look = body.appearance
        changed = {
            "pattern": ("stripes", "checker")[int(rng.integers(2))],
            "pattern_scale": _TEXTURE_SCALE,
            "second_albedo": _between(look.albedo, (0.95, 0.95, 0.95), severity),
        }
        return body.model_copy(update={"appearance": look.model_copy(update=changed)})


class SizeSwap(_Swap):
    """A body becomes smaller."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="size_swap",
        law="immutability: a body keeps its size",
        category="immutability",
        severity=f"share of its lengths that it loses, 0 to {_SHRINK}; residual: growth of the volume, relative",
        scenarios=IN_SIGHT,
    )

    def _other(self, world: World, body: Body, severity: float, rng: np.random.Generator) -> Body:
        return resized(body, 1.0 - _SHRINK * severity)


class ShapeSwap(_Swap):
    """A ball becomes a pill that lies along its way."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="shape_swap",
        law="immutability: a body keeps its shape",
        category="immutability",
        severity=f"length that is put between the halves of the ball, 0 to {_STRETCH} diameters; residual: elongation",
        scenarios=IN_SIGHT,
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no ball can become a pill, or None."""
        return need_ball(world)

    def _other(self, world: World, body: Body, severity: float, rng: np.random.Generator) -> Body:
        _, _, radius = ball_of(world.spec)
        heading = math.atan2(body.linear_velocity[1], body.linear_velocity[0])
        # First the axis from upright to along x, then that to the heading.
        tilt, turn = math.sqrt(0.5), 0.5 * heading
        lying = (tilt * math.cos(turn), -tilt * math.sin(turn), tilt * math.cos(turn), tilt * math.sin(turn))
        changed = {
            "noun": "pill",
            "shape": Capsule(radius=radius, half_height=_STRETCH * severity * radius),
            "orientation": lying,
            "angular_velocity": (0.0, 0.0, 0.0),
        }
        return body.model_copy(update=changed)


def _between(start: Color, end: Color, share: float) -> Color:
    red, green, blue = ((1.0 - share) * a + share * b for a, b in zip(start, end, strict=True))
    return (red, green, blue)


class HiddenColorSwap(ColorSwap):
    """A body goes out of sight and comes back in another colour."""

    info: ClassVar[EditorInfo] = hidden(ColorSwap.info, *SCREENED)


class HiddenTextureSwap(TextureSwap):
    """A body goes out of sight and comes back with another surface."""

    info: ClassVar[EditorInfo] = hidden(TextureSwap.info, *SCREENED)


class HiddenSizeSwap(SizeSwap):
    """A body goes out of sight and comes back in another size."""

    info: ClassVar[EditorInfo] = hidden(SizeSwap.info, *SCREENED)


class HiddenShapeSwap(ShapeSwap):
    """A body goes out of sight and comes back in another shape; a screen that hides it is made as much wider."""

    info: ClassVar[EditorInfo] = hidden(ShapeSwap.info, "occluder_pass", "look_away")

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Switch:
        """Return the world with the body as it is, and that with the other one in its place."""
        _, _, radius = ball_of(world.spec)
        spec = widened(world.spec, _STRETCH * severity * radius)
        return super().edit(World(spec, world.trajectory), severity, rng, simulate)
