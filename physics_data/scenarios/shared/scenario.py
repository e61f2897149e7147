"""What a scenario is, the settings all share, and the parts their scenes are made of."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from physics_data.core.config import StrictModel
from physics_data.core.scene import Appearance, Body, Fraction, Joint, Plane, SceneSpec, Sphere, Surface, Vector3
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.factors import dressed, sample_distractors, sample_occluders
from physics_data.scenarios.shared.settings import SceneSettings
from physics_data.variation.appearance import sample_floor
from physics_data.variation.cameras import sample_camera
from physics_data.variation.lighting import sample_lighting, sample_sensor

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

    def draw(self, rng: np.random.Generator, settings: SceneSettings) -> float:
        """Draw uniformly from the range that the settings ask for."""
        if settings.ranges == "held_out" and self.held_out:
            low, high = self.held_out[int(rng.integers(len(self.held_out)))]
            return float(rng.uniform(low, high))
        return float(rng.uniform(self.low, self.high))


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
    floor_friction: float = 0.0,
    joints: tuple[Joint, ...] = (),
    spread: float = 0.0,
    keeps_side: bool = False,
) -> SceneSpec:
    """Put bodies on a floor (body 0) before a drawn camera and light, with the settings' appearance and bystanders.

    Bystanders (``scenarios.factors``) come after the given bodies, whose positions in the scene are always the same.

    ``keeps_side`` keeps the camera's direction and distance in the wide layout, for scenes in which something hides
    a body from it.

    Units:
        spread:  m, how far towards or away from the camera impacts may throw a body; bystanders stay out of its way
    """
    floor_look = sample_floor(rng, settings)
    camera = sample_camera(rng, settings, keeps_side=keeps_side)
    lighting = sample_lighting(rng, settings)
    sensor = sample_sensor(rng, settings)
    behind = sample_distractors(rng, settings, bodies, camera, spread)
    before = sample_occluders(rng, settings, bodies, camera, spread)
    floor = Body(
        name="floor",
        noun="floor",
        shape=Plane(),
        role="ground",
        is_static=True,
        surface=Surface(friction=floor_friction, restitution=floor_restitution),
        appearance=floor_look,
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
        bodies=(floor, *dressed(rng, settings, (*bodies, *behind, *before))),
        joints=joints,
        camera=camera,
        lighting=lighting,
        sensor=sensor,
    )


def make_ball(
    name: str,
    radius: float,
    appearance: Appearance,
    restitution: Fraction,
    position: Vector3,
    linear_velocity: Vector3 = (0.0, 0.0, 0.0),
    angular_velocity: Vector3 = (0.0, 0.0, 0.0),
    friction: float = 0.0,
    density: float = BALL_DENSITY,
) -> Body:
    """Return a ball, smooth unless told otherwise, whose mass follows from its size.

    Units:
        density:  kg/m³, mass over the cube of the radius
    """
    return Body(
        name=name,
        shape=Sphere(radius=radius),
        mass=density * radius**3,
        surface=Surface(friction=friction, restitution=restitution),
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
