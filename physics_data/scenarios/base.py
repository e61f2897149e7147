"""What a scenario is, the settings all share, and the parts their scenes are made of."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from pydantic import Field, model_validator

from physics_data.core.config import StrictModel
from physics_data.core.scene import (
    Appearance,
    Body,
    Fraction,
    NonNegative,
    Plane,
    Positive,
    SceneSpec,
    Sphere,
    Surface,
    Vector3,
    check_rates,
)
from physics_data.core.trajectory import Trajectory
from physics_data.variation.appearance import sample_floor, sample_lighting
from physics_data.variation.cameras import sample_side_view

SMALL_RADIUS = 0.275
LARGE_RADIUS = 0.325
"""A caption calls a ball below the first small and above the second large, m."""

BALL_DENSITY = 1.0 / 0.3**3
"""Mass of a ball over the cube of its radius, kg/m³: a radius of 0.3 m gives 1 kg, so a larger ball is heavier."""


class ScenarioInfo(StrictModel):
    """What a scenario tests.

    law:       the law of motion its clips obey
    quantity:  the ground-truth quantity, as a formula in the scene's values
    summary:   one line for listings
    """

    name: str
    law: str
    quantity: str
    summary: str


@dataclass(frozen=True)
class Range:
    """A number that a scenario draws: where training draws it from, and where held-out scenes do.

    held_out lists intervals outside ``[low, high]``; empty means that the number is not held out.
    """

    low: float
    high: float
    unit: str
    held_out: tuple[tuple[float, float], ...] = ()

    def draw(self, rng: np.random.Generator, settings: "SceneSettings") -> float:
        """Draw uniformly from the range that the settings ask for."""
        if settings.ranges == "held_out" and self.held_out:
            low, high = self.held_out[int(rng.integers(len(self.held_out)))]
            return float(rng.uniform(low, high))
        return float(rng.uniform(self.low, self.high))


class SceneSettings(StrictModel):
    """What the scenes of a dataset have in common. The defaults are those of the demo: 1 s at 64 × 64.

    physics_rate:      engine steps, Hz
    palette, floors:   names from ``variation.appearance``
    radius:            smallest and largest ball, m
    ranges:            "held_out" draws every range that has a held-out part from there, and nothing from training's
    looks:             "plain": named colours, one highlight; "varied" and "held_out": textures, materials, lights and
                       sensors from two sets that have nothing in common (``variation.looks``)
    camera_motion:     what the camera does, see ``variation.cameras``
    distractors:       fewest and most bodies that lie about at rest, outside of what happens
    camera_*:          see ``variation.cameras``; m and degrees. The defaults show about 4 m × 4 m of the plane y = 0.
    """

    num_frames: Annotated[int, Field(ge=2)] = 17
    frame_rate: Positive = 16.0
    physics_rate: Positive = 960.0
    width: Annotated[int, Field(ge=8, le=4096)] = 64
    height: Annotated[int, Field(ge=8, le=4096)] = 64
    palette: tuple[str, ...] = ("red", "blue", "green", "yellow", "purple", "orange")
    floors: tuple[str, ...] = ("grey", "sand", "slate")
    radius: tuple[Positive, Positive] = (0.25, 0.35)
    ranges: Literal["train", "held_out"] = "train"
    looks: Literal["plain", "varied", "held_out"] = "plain"
    camera_motion: Literal["fixed", "orbit", "pan", "look_away", "handheld"] = "fixed"
    distractors: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=8)]] = (0, 0)
    camera_distance: Positive = 5.5
    camera_height: Positive = 1.8
    camera_target_height: Positive = 1.45
    camera_fov_y: Annotated[float, Field(gt=1, lt=170)] = 40.0
    camera_jitter: NonNegative = 0.05

    @model_validator(mode="after")
    def _rates_fit(self) -> "SceneSettings":
        check_rates(self.physics_rate, self.frame_rate)
        return self

    @property
    def duration(self) -> float:
        """Scene time between the first and the last frame, s."""
        return (self.num_frames - 1) / self.frame_rate


@runtime_checkable
class Scenario(Protocol):
    """A family of scenes that follow one law. It describes scenes and never runs them.

    tolerances has the keys of ``residuals``: the largest value a stored clip may have. ranges names the numbers it
    draws; engines those that can run it.
    """

    info: ClassVar[ScenarioInfo]
    tolerances: ClassVar[dict[str, float]]
    ranges: ClassVar[dict[str, Range]]
    engines: ClassVar[tuple[str, ...]]

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a scene; every random number comes from ``rng``. ``root_seed`` and ``index`` are recorded in it."""
        ...

    def caption(self, spec: SceneSpec) -> str:
        """Say what happens, from the values of the scene."""
        ...

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the closed-form quantities of the scene; unit or meaning in the key."""
        ...

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return how far the motion is from the law, from measured values; NaN where there is nothing to measure."""
        ...


def make_scene(
    info: ScenarioInfo,
    rng: np.random.Generator,
    settings: SceneSettings,
    root_seed: int,
    index: int,
    bodies: tuple[Body, ...],
    floor_restitution: float,
) -> SceneSpec:
    """Put bodies on a frictionless floor (body 0) in front of a drawn camera, light and floor."""
    floor = Body(
        name="floor",
        noun="floor",
        shape=Plane(),
        role="ground",
        is_static=True,
        surface=Surface(friction=0.0, restitution=floor_restitution),
        appearance=sample_floor(rng, settings.floors),
    )
    camera = sample_side_view(
        rng,
        settings.camera_distance,
        settings.camera_height,
        settings.camera_target_height,
        settings.camera_fov_y,
        settings.camera_jitter,
    )
    return SceneSpec(
        scenario=info.name,
        root_seed=root_seed,
        index=index,
        num_frames=settings.num_frames,
        frame_rate=settings.frame_rate,
        physics_rate=settings.physics_rate,
        width=settings.width,
        height=settings.height,
        bodies=(floor, *bodies),
        camera=camera,
        lighting=sample_lighting(rng),
    )


def make_ball(
    name: str,
    radius: float,
    appearance: Appearance,
    restitution: Fraction,
    position: Vector3,
    linear_velocity: Vector3 = (0.0, 0.0, 0.0),
    angular_velocity: Vector3 = (0.0, 0.0, 0.0),
) -> Body:
    """Return a smooth ball whose mass follows from its size."""
    return Body(
        name=name,
        shape=Sphere(radius=radius),
        mass=BALL_DENSITY * radius**3,
        surface=Surface(friction=0.0, restitution=restitution),
        appearance=appearance,
        position=position,
        linear_velocity=linear_velocity,
        angular_velocity=angular_velocity,
    )


def ball_radius(body: Body) -> float:
    """Return the radius of a ball, m."""
    assert isinstance(body.shape, Sphere), f"body '{body.name}' of this scenario is a ball"
    return body.shape.radius


def describe(body: Body) -> str:
    """Return for example "a large red ball"; the size is only named where it is true."""
    size = ""
    if isinstance(body.shape, Sphere):
        radius = body.shape.radius
        size = "small " if radius < SMALL_RADIUS else "large " if radius > LARGE_RADIUS else ""
    words = f"{size}{body.appearance.color_name} {body.noun}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
