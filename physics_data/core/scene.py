"""``SceneSpec``: everything that decides a clip, as plain JSON, engine-neutral.

A scene says what is there and how it starts. It never says which engine moves it or which renderer draws
it, so one scene can be run on both engines and drawn with many looks.
"""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from physics_data.core.config import StrictModel
from physics_data.core.conventions import SCENE_FORMAT, STANDARD_GRAVITY
from physics_data.core.errors import SceneSpecError

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Color = tuple[Fraction, Fraction, Fraction]
"""Linear-light RGB albedo or radiance factor, each in [0, 1]."""


class Sphere(StrictModel):
    """A ball around the body origin. Radius in m."""

    kind: Literal["sphere"] = "sphere"
    radius: Positive


class Box(StrictModel):
    """An axis-aligned box in the body frame. Half extents in m."""

    kind: Literal["box"] = "box"
    half_extents: tuple[Positive, Positive, Positive]


class Cylinder(StrictModel):
    """A closed cylinder along the body's z axis. Radius and half height in m."""

    kind: Literal["cylinder"] = "cylinder"
    radius: Positive
    half_height: Positive


class Plane(StrictModel):
    """The infinite plane z = 0 of the body frame; solid below. Planes are static and count as background."""

    kind: Literal["plane"] = "plane"


Shape = Annotated[Sphere | Box | Cylinder | Plane, Field(discriminator="kind")]


class Surface(StrictModel):
    """How a body meets others.

    friction:     Coulomb coefficient of sliding, 1; a pair slides with the geometric mean of its two values
    restitution:  speed after / speed before a head-on impact, 1; a pair uses the smaller of its two values
    """

    friction: NonNegative = 0.5
    restitution: Fraction = 0.5


class Appearance(StrictModel):
    """How a body looks; never read by an engine.

    pattern_scale is the length of one pattern period in m.
    """

    color_name: str
    albedo: Color
    second_albedo: Color = (1.0, 1.0, 1.0)
    pattern: Literal["plain", "checker", "stripes"] = "plain"
    pattern_scale: Positive = 0.5
    specular: Fraction = 0.15


class Body(StrictModel):
    """One rigid body and its initial state in the world frame (m, m/s, rad/s; quaternion wxyz).

    role says what a benchmark expects: an ``object`` is tracked, an ``occluder`` hides others, ``ground`` carries them.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    noun: str = "ball"
    shape: Shape
    role: Literal["object", "occluder", "ground"] = "object"
    is_static: bool = False
    mass: Positive = 1.0
    surface: Surface = Surface()
    appearance: Appearance
    position: Vector3 = (0.0, 0.0, 0.0)
    orientation: Quaternion = (1.0, 0.0, 0.0, 0.0)
    linear_velocity: Vector3 = (0.0, 0.0, 0.0)
    angular_velocity: Vector3 = (0.0, 0.0, 0.0)

    @model_validator(mode="after")
    def _check(self) -> "Body":
        norm = math.sqrt(sum(q * q for q in self.orientation))
        if abs(norm - 1.0) > 1e-6:
            raise ValueError(
                f"body '{self.name}': orientation {self.orientation} has norm {norm:.6g}, a rotation needs norm 1; "
                "divide by the norm (order w, x, y, z)"
            )
        if isinstance(self.shape, Plane) and not self.is_static:
            raise ValueError(f"body '{self.name}' is a plane and dynamic; set is_static: true or choose another shape")
        if self.is_static and any(self.linear_velocity + self.angular_velocity):
            raise ValueError(f"body '{self.name}' is static but has an initial velocity; set the velocity to 0")
        return self

    @property
    def is_instance(self) -> bool:
        """Whether the body gets an instance id; planes are background."""
        return not isinstance(self.shape, Plane)


class Camera(StrictModel):
    """A fixed pinhole camera with square pixels. Position and target in m; vertical field of view in degrees."""

    kind: Literal["fixed"] = "fixed"
    position: Vector3
    target: Vector3
    fov_y: Annotated[float, Field(gt=1, lt=170)] = 40.0

    @model_validator(mode="after")
    def _check(self) -> "Camera":
        horizontal = math.hypot(self.target[0] - self.position[0], self.target[1] - self.position[1])
        if horizontal < 1e-9:
            raise ValueError(
                f"camera at {self.position} looks at {self.target}: it must not look straight up or down; "
                "move position or target sideways"
            )
        return self


class Lighting(StrictModel):
    """One sun and a sky. ``sun_direction`` points from the scene to the sun; intensities are radiance factors."""

    sun_direction: Vector3 = (0.4, -0.5, 1.0)
    sun_intensity: NonNegative = 0.9
    ambient_intensity: NonNegative = 0.35
    sky_zenith: Color = (0.35, 0.55, 0.85)
    sky_horizon: Color = (0.80, 0.87, 0.95)
    casts_shadows: bool = True


def check_rates(physics_rate: float, frame_rate: float) -> None:
    """Refuse rates for which a frame would fall between two engine steps.

    Units:
        physics_rate:  Hz
        frame_rate:    Hz

    Raises:
        ValueError: physics_rate is no whole multiple of frame_rate; the message holds the nearest one that is.
    """
    ratio = physics_rate / frame_rate
    if abs(ratio - round(ratio)) > 1e-9 or ratio < 1:
        raise ValueError(
            f"physics_rate={physics_rate} Hz is not a multiple of frame_rate={frame_rate} Hz, "
            f"so frames would fall between engine steps; use {max(1, round(ratio)) * frame_rate:g} Hz"
        )


class SceneSpec(StrictModel):
    """A whole scene: bodies, camera, light, rates, and the draw it came from.

    frame_rate:    video frames per second, Hz; frame k shows the scene at k / frame_rate seconds
    physics_rate:  engine steps per second, Hz; a whole multiple of frame_rate
    width, height: pixels
    """

    format: Literal["worldsim.scene/1"] = SCENE_FORMAT
    scenario: str
    root_seed: int
    index: Annotated[int, Field(ge=0)]
    gravity: Vector3 = (0.0, 0.0, -STANDARD_GRAVITY)
    num_frames: Annotated[int, Field(ge=1)] = 17
    frame_rate: Positive = 16.0
    physics_rate: Positive = 960.0
    width: Annotated[int, Field(ge=8, le=4096)] = 64
    height: Annotated[int, Field(ge=8, le=4096)] = 64
    bodies: Annotated[tuple[Body, ...], Field(min_length=1)]
    camera: Camera
    lighting: Lighting = Lighting()

    @model_validator(mode="after")
    def _check(self) -> "SceneSpec":
        names = [body.name for body in self.bodies]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the body names {twice} occur twice; every body needs its own name")
        if len(self.instances) > 255:
            raise ValueError(f"{len(self.instances)} bodies are not planes, but instance ids are uint8: at most 255")
        check_rates(self.physics_rate, self.frame_rate)
        return self

    @property
    def instances(self) -> tuple[Body, ...]:
        """The bodies with an instance id, in order: instance id = position here + 1."""
        return tuple(body for body in self.bodies if body.is_instance)

    @property
    def steps_per_frame(self) -> int:
        """Engine steps between two frames."""
        return round(self.physics_rate / self.frame_rate)

    @property
    def seconds(self) -> tuple[float, ...]:
        """Scene time of every frame, s."""
        return tuple(frame / self.frame_rate for frame in range(self.num_frames))

    def body_index(self, name: str) -> int:
        """Return the position of a body in ``bodies``.

        Raises:
            SceneSpecError: no body of that name.
        """
        for index, body in enumerate(self.bodies):
            if body.name == name:
                return index
        raise SceneSpecError(f"no body '{name}' in the scene; it has {', '.join(b.name for b in self.bodies)}.")

    def without(self, name: str) -> "SceneSpec":
        """Return the scene without one body."""
        index = self.body_index(name)
        return self.model_copy(update={"bodies": self.bodies[:index] + self.bodies[index + 1 :]})
