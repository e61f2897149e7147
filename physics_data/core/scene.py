"""``SceneSpec``: everything that decides a clip, as plain JSON, engine-neutral.

A scene says what is there and how it starts. It never says which engine moves it or which renderer draws
it, so one scene can be run on both engines and drawn with many appearances.
"""

import itertools
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_serializer, model_validator

from physics_data.core.actions import Action, check_actions
from physics_data.core.conventions import SCENE_FORMAT, STANDARD_GRAVITY
from physics_data.core.errors import SceneSpecError
from physics_data.core.shapes import Box as Box
from physics_data.core.shapes import Capsule as Capsule
from physics_data.core.shapes import Color as Color
from physics_data.core.shapes import Compound as Compound
from physics_data.core.shapes import Cylinder as Cylinder
from physics_data.core.shapes import Ellipsoid as Ellipsoid
from physics_data.core.shapes import Fraction as Fraction
from physics_data.core.shapes import Mesh as Mesh
from physics_data.core.shapes import NonNegative as NonNegative
from physics_data.core.shapes import Part as Part
from physics_data.core.shapes import Plane as Plane
from physics_data.core.shapes import Positive as Positive
from physics_data.core.shapes import Primitive as Primitive
from physics_data.core.shapes import Quaternion as Quaternion
from physics_data.core.shapes import SceneModel as SceneModel
from physics_data.core.shapes import Shape as Shape
from physics_data.core.shapes import Sphere as Sphere
from physics_data.core.shapes import Vector3 as Vector3
from physics_data.core.shapes import check_rotation


class Surface(SceneModel):
    """How a body meets others.

    friction:     Coulomb coefficient of sliding, 1; a pair slides with the geometric mean of its two values
    restitution:  speed after / speed before a head-on impact, 1; a pair uses the smaller of its two values
    belt_velocity:  m/s, body frame; how fast the surface itself runs, as a conveyor's belt does
    """

    friction: NonNegative = 0.5
    restitution: Fraction = 0.5
    belt_velocity: Vector3 = (0.0, 0.0, 0.0)


class ImageTexture(SceneModel):
    """A picture file used as a texture. ``sha256`` (hex) makes sure that a scene is drawn with the same one again."""

    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


Pattern = Literal["plain", "checker", "stripes", "dots", "wood", "marble", "noise", "image"]


class Appearance(SceneModel):
    """How a body looks; never read by an engine.

    pattern_scale:  length of one pattern period, m
    specular:       strength of the highlight of a smooth coat
    roughness:      width of that highlight: 0 = polished, 1 = chalk
    metallic:       share of the light that is mirrored in the colour of the albedo (one bounce)
    transparency:   share of the light that passes straight through, as through a thin glass wall
    image:          the texture of the pattern "image"
    """

    color_name: str
    albedo: Color
    second_albedo: Color = (1.0, 1.0, 1.0)
    pattern: Pattern = "plain"
    pattern_scale: Positive = 0.5
    specular: Fraction = 0.15
    roughness: Fraction = 0.35
    metallic: Fraction = 0.0
    transparency: Fraction = 0.0
    image: ImageTexture | None = None

    @model_validator(mode="after")
    def _check(self) -> "Appearance":
        if (self.pattern == "image") != (self.image is not None):
            raise ValueError(f"pattern '{self.pattern}' and image={self.image}: give an image with pattern: image only")
        return self


class PoseKey(SceneModel):
    """Where a scripted body is at one time (s from the first frame; m; unit quaternion wxyz).

    ease says how it comes here from the key before: at constant speed, or starting and ending at rest.
    """

    seconds: NonNegative
    position: Vector3
    orientation: Quaternion = (1.0, 0.0, 0.0, 0.0)
    ease: Literal["linear", "smooth"] = "smooth"

    @model_validator(mode="after")
    def _check(self) -> "PoseKey":
        check_rotation(f"the key at {self.seconds:g} s", self.orientation)
        return self


class Body(SceneModel):
    """One rigid body and its initial state in the world frame (m, m/s, rad/s; quaternion wxyz).

    role says what a benchmark expects: an ``object`` is tracked, an ``occluder`` hides others, ``ground`` carries them.

    A body is static, dynamic, or scripted: one with a ``path`` moves as its keys say (``core.paths``), whatever it
    meets; it stands still before the first key and after the last one.

    inertia:  kg m², about the position, body frame: xx, yy, zz, xy, xz, yz; None = that of a homogeneous solid. Where
              it is given, the position is the centre of mass whatever the shape
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
    path: tuple[PoseKey, ...] = ()
    inertia: tuple[float, float, float, float, float, float] | None = None

    @model_serializer(mode="wrap")
    def _without_no_inertia(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave ``inertia`` out where it follows from the shape, so that scenes of before it keep their bytes."""
        return {name: value for name, value in dump(self).items() if name != "inertia" or value is not None}

    @model_validator(mode="after")
    def _check(self) -> "Body":
        if self.inertia is not None:
            xx, yy, zz, xy, xz, yz = self.inertia
            moments = np.linalg.eigvalsh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
            if not moments[0] > 0 or moments[0] + moments[1] < moments[2] * (1 - 1e-6):
                raise ValueError(
                    f"body '{self.name}' has principal moments {', '.join(f'{m:.4g}' for m in moments)} kg m², which "
                    "no solid has: they are above 0, and two of them are together at least the third"
                )
        check_rotation(f"body '{self.name}'", self.orientation)
        if isinstance(self.shape, Plane) and not self.is_static:
            raise ValueError(f"body '{self.name}' is a plane and dynamic; set is_static: true or choose another shape")
        if not self.is_dynamic and any(self.linear_velocity + self.angular_velocity):
            raise ValueError(
                f"body '{self.name}' is static or scripted but has an initial velocity; set the velocity to 0"
            )
        if self.is_static and self.path:
            raise ValueError(f"body '{self.name}' is static and has a path; leave out one of the two")
        seconds = [key.seconds for key in self.path]
        if any(later <= earlier for earlier, later in itertools.pairwise(seconds)):
            raise ValueError(f"body '{self.name}': the keys of its path lie at {seconds} s; write them in rising order")
        if self.path and (self.path[0].position, self.path[0].orientation) != (self.position, self.orientation):
            raise ValueError(f"body '{self.name}': its first key and its own pose differ; give both the same")
        return self

    @property
    def is_scripted(self) -> bool:
        """Whether the body moves as its path says."""
        return bool(self.path)

    @property
    def is_dynamic(self) -> bool:
        """Whether forces move the body."""
        return not self.is_static and not self.path

    @property
    def is_instance(self) -> bool:
        """Whether the body gets an instance id; planes are background."""
        return not isinstance(self.shape, Plane)


class AxisJoint(SceneModel):
    """What hinges and slides have in common: one axis, and a spring and a damper along it.

    anchor:     m, world frame at the start; a point of the axis
    axis:       world frame at the start; any length but 0
    stiffness:  of the spring; N m/rad of a hinge, N/m of a slide
    damping:    N m s/rad of a hinge, N s/m of a slide
    rest:       where the spring is slack, from the start on; rad or m
    """

    body: str
    parent: str | None = None
    anchor: Vector3
    axis: Vector3
    stiffness: NonNegative = 0.0
    damping: NonNegative = 0.0
    rest: float = 0.0

    @model_serializer(mode="wrap")
    def _without_no_spring(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave spring and damper out where there are none, so that scenes of before them keep their bytes."""
        order = ("kind", "body", "parent", "anchor", "axis", "stiffness", "damping", "rest")
        plain = dump(self)
        return {name: plain[name] for name in order if name not in order[5:] or plain[name]}

    @model_validator(mode="after")
    def _check(self) -> "AxisJoint":
        if not any(self.axis):
            raise ValueError(f"a joint of '{self.body}' has axis (0, 0, 0), which points nowhere")
        return self


class Hinge(AxisJoint):
    """Lets ``body`` turn about one axis that is fixed in ``parent`` (None = the world)."""

    kind: Literal["hinge"] = "hinge"


class Slide(AxisJoint):
    """Lets ``body`` move along one axis that is fixed in ``parent`` (None = the world), without turning."""

    kind: Literal["slide"] = "slide"


class BallJoint(SceneModel):
    """Holds one point of ``body`` at one point of ``parent`` (None = the world), as a rod on a pivot or a taut string.

    anchor:  m, world frame at the start
    """

    kind: Literal["ball"] = "ball"
    body: str
    parent: str | None = None
    anchor: Vector3


Joint = Annotated[Hinge | Slide | BallJoint, Field(discriminator="kind")]


class CameraKey(SceneModel):
    """Where a camera is and what it looks at, at one time (s from the first frame; m).

    cut:  the picture cuts to this view, which begins another shot; the view before stands still until then
    """

    seconds: NonNegative
    position: Vector3
    target: Vector3
    cut: bool = False

    @model_serializer(mode="wrap")
    def _without_no_cut(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave ``cut`` out where there is none, so that scenes of before it keep their bytes."""
        return {name: value for name, value in dump(self).items() if name != "cut" or value}


class Shake(SceneModel):
    """A hand-held camera's unrest: smooth turns about all three axes. Root mean square in degrees; Hz."""

    amplitude: NonNegative
    frequency: Positive = 2.0
    seed: int = 0


class Camera(SceneModel):
    """A pinhole camera with square pixels. Position and target in m; vertical field of view in degrees.

    With a ``path`` it moves smoothly through the keys of a shot, standing still before its first and after its last;
    a key with ``cut`` begins another shot.
    """

    position: Vector3
    target: Vector3
    fov_y: Annotated[float, Field(gt=1, lt=170)] = 40.0
    path: tuple[CameraKey, ...] = ()
    shake: Shake | None = None

    @model_validator(mode="after")
    def _check(self) -> "Camera":
        for position, target in ((self.position, self.target), *((key.position, key.target) for key in self.path)):
            if math.hypot(target[0] - position[0], target[1] - position[1]) < 1e-9:
                raise ValueError(
                    f"camera at {position} looks at {target}: it must not look straight up or down; "
                    "move position or target sideways"
                )
        seconds = [key.seconds for key in self.path]
        if any(later <= earlier for earlier, later in itertools.pairwise(seconds)):
            raise ValueError(f"the keys of the camera's path lie at {seconds} s; write them in rising order")
        if self.path and self.path[0].cut:
            raise ValueError("the camera's first key has cut: true, and nothing is before it to cut from; leave it out")
        if self.path and (self.path[0].position, self.path[0].target) != (self.position, self.target):
            raise ValueError("the camera's first key and its own position and target differ; give both the same")
        return self

    @property
    def is_moving(self) -> bool:
        """Whether two frames may be seen from different places."""
        return len(self.path) > 1 or self.shake is not None


class Lamp(SceneModel):
    """A ball of light. Position and radius in m; the radius makes shadows soft.

    intensity:  radiance factor that a surface facing it from 1 m away gets; falls with the square of the distance
    """

    position: Vector3
    color: Color = (1.0, 1.0, 1.0)
    intensity: NonNegative = 1.0
    radius: NonNegative = 0.1


class Lighting(SceneModel):
    """Sun, sky and lamps. ``sun_direction`` points from the scene to the sun; intensities are radiance factors.

    sun_angle:    half angle under which the sun is seen, degrees; wide for soft shadows (the real one is 0.27)
    environment:  picture of all directions (longitude × latitude, the horizon at half height) in place of the sky
    backdrop:     picture that fills the image behind everything, however the camera moves
    """

    sun_direction: Vector3 = (0.4, -0.5, 1.0)
    sun_intensity: NonNegative = 0.9
    sun_angle: Annotated[float, Field(ge=0, le=20)] = 1.7
    ambient_intensity: NonNegative = 0.35
    sky_zenith: Color = (0.35, 0.55, 0.85)
    sky_horizon: Color = (0.80, 0.87, 0.95)
    casts_shadows: bool = True
    lamps: Annotated[tuple[Lamp, ...], Field(max_length=8)] = ()
    environment: ImageTexture | None = None
    backdrop: ImageTexture | None = None

    @model_validator(mode="after")
    def _check(self) -> "Lighting":
        if self.environment is not None and self.backdrop is not None:
            raise ValueError("environment and backdrop both fill what is behind the scene; leave out one of the two")
        return self


class Sensor(SceneModel):
    """What the camera's lens and sensor do to rgb. Labels never change with it.

    exposure:        stops; +1 doubles the light
    grain:           standard deviation of the noise, in sRGB bytes
    shutter:         share of the frame interval, after the frame's time, that is open: motion blur
    aperture:        diameter of the lens, m; blurs what is out of focus
    focus_distance:  m along the optical axis; None = at the camera's target
    seed:            of the grain
    """

    exposure: Annotated[float, Field(ge=-5, le=5)] = 0.0
    grain: NonNegative = 0.0
    shutter: Fraction = 0.0
    aperture: NonNegative = 0.0
    focus_distance: Positive | None = None
    seed: int = 0


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


class SceneSpec(SceneModel):
    """A whole scene: bodies, camera, light, rates, and the draw it came from.

    frame_rate:    video frames per second, Hz; frame k shows the scene at k / frame_rate seconds
    physics_rate:  engine steps per second, Hz; a whole multiple of frame_rate
    width, height: pixels
    actions:       what is done to the scene while it runs (``core.actions``)
    """

    format: Literal["worldsim.scene/2"] = SCENE_FORMAT
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
    joints: tuple[Joint, ...] = ()
    camera: Camera
    lighting: Lighting = Lighting()
    sensor: Sensor = Sensor()
    actions: tuple[Action, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "SceneSpec":
        names = [body.name for body in self.bodies]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the body names {twice} occur twice; every body needs its own name")
        if len(self.instances) > 255:
            raise ValueError(f"{len(self.instances)} bodies are not planes, but instance ids are uint8: at most 255")
        check_rates(self.physics_rate, self.frame_rate)
        for joint in self.joints:
            for name in (joint.body, joint.parent):
                if name is not None and name not in names:
                    raise ValueError(f"a joint holds '{name}', the scene has {', '.join(names)}")
            if joint.body == joint.parent:
                raise ValueError(f"a joint holds '{joint.body}' to itself; give it another parent, or none")
        check_actions(self)
        return self

    @model_serializer(mode="wrap")
    def _without_no_actions(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave ``actions`` out where there are none, so that scenes of before them keep their bytes."""
        return {name: value for name, value in dump(self).items() if name != "actions" or value}

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

    @property
    def cuts(self) -> tuple[int, ...]:
        """The first frame of every shot but the first: where the camera's keys cut, inside the clip."""
        frames = [math.ceil(key.seconds * self.frame_rate - 1e-6) for key in self.camera.path if key.cut]
        return tuple(frame for frame in frames if frame < self.num_frames)

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
        """Return the scene without one body, and without its joints."""
        index = self.body_index(name)
        joints = tuple(joint for joint in self.joints if name not in (joint.body, joint.parent))
        actions = tuple(action for action in self.actions if getattr(action, "body", None) != name)
        bodies = self.bodies[:index] + self.bodies[index + 1 :]
        return self.model_copy(update={"bodies": bodies, "joints": joints, "actions": actions})
