"""Scene files: a short YAML from which a ``SceneSpec`` is made, with errors that name the line."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from physics_data.core.actions import Action
from physics_data.core.config import StrictModel, explain_mistake, validate_config
from physics_data.core.conventions import SCENE_FORMAT, STANDARD_GRAVITY, clip_generator
from physics_data.core.errors import ConfigError, SceneSpecError, suggest
from physics_data.core.mechanics import centred, volume
from physics_data.core.scene import (
    Appearance,
    BallJoint,
    Body,
    Box,
    Camera,
    CameraKey,
    Capsule,
    Cylinder,
    Ellipsoid,
    Fraction,
    Hinge,
    Joint,
    Lighting,
    NonNegative,
    Part,
    Pattern,
    Plane,
    PoseKey,
    Positive,
    Primitive,
    SceneSpec,
    Shape,
    Slide,
    Sphere,
    Surface,
    Vector3,
)
from physics_data.scenes.materials import Material, color, material
from physics_data.scenes.mesh_file import decoded, read_mesh_file, solid_of_mesh
from physics_data.scenes.placement import RELATIONS, beside, framing, overlaps, resting_on, turned
from physics_data.scenes.source_lines import Key, SourceFile, read_source
from physics_data.variation.colors import FLOORS
from physics_data.variation.lighting import SETS, Sky

Length = Annotated[float, Field(ge=1e-4, le=1e4)]
"""Size of a solid, m. Below 0.1 mm the engines' contact margins are larger than the body."""

MAX_NUMBER = 1e6
"""Largest magnitude of any number of a scene file, in its unit."""

MAX_FRAMES = 10_000
MAX_STEPS = 5_000_000
"""Largest number of frames, and of physics steps, of a scene file: hours of computing."""

_FLAGS = ("static", "floor", "decompose", "hull", "cut")

SHAPES = ("sphere", "box", "cylinder", "capsule", "ellipsoid")
_SKIES = {
    **SETS["varied"].skies,
    "sunset": Sky((0.20, 0.22, 0.42), (0.90, 0.55, 0.38), 0.75, 0.30),
    "night": Sky((0.01, 0.015, 0.04), (0.03, 0.04, 0.08), 0.16, 0.09),
}
_NOUNS = {"sphere": "ball", "box": "box", "cylinder": "cylinder", "capsule": "capsule", "ellipsoid": "ellipsoid"}


class SolidEntry(StrictModel):
    """One solid. Exactly one of the shapes; lengths in m.

    sphere:     radius
    box:        full sizes along x, y, z, or the edge of a cube
    cylinder:   radius and height, along z; capsule: radius and height of the straight part
    ellipsoid:  half axes
    """

    sphere: Length | None = None
    box: Length | tuple[Length, Length, Length] | None = None
    cylinder: tuple[Length, Length] | None = None
    capsule: tuple[Length, Length] | None = None
    ellipsoid: tuple[Length, Length, Length] | None = None

    @property
    def kinds(self) -> list[str]:
        """The shapes that are given."""
        return [name for name in SHAPES if getattr(self, name) is not None]

    def solid(self) -> Primitive:
        """Return the shape."""
        match self.kinds[0]:
            case "sphere":
                return Sphere(radius=self.sphere or 0.0)
            case "box":
                size = self.box if isinstance(self.box, tuple) else (self.box or 0.0,) * 3
                return Box(half_extents=(size[0] / 2, size[1] / 2, size[2] / 2))
            case "ellipsoid":
                return Ellipsoid(half_axes=self.ellipsoid or (0.0, 0.0, 0.0))
            case kind:
                radius, height = getattr(self, kind)
                return (Cylinder if kind == "cylinder" else Capsule)(radius=radius, half_height=height / 2)


class PartEntry(SolidEntry):
    """One solid of a compound: its place (m) and turn (degrees about x, then y, then z) in the body."""

    position: Vector3 = (0.0, 0.0, 0.0)
    rotation: Vector3 = (0.0, 0.0, 0.0)

    @model_validator(mode="after")
    def _one_shape(self) -> "PartEntry":
        if len(self.kinds) != 1:
            raise ValueError(f"a part has exactly one of {', '.join(SHAPES)}; given are {self.kinds or 'none'}")
        return self


class KeyEntry(StrictModel):
    """Where a scripted body is at a time (s): place (m), turn (degrees); ease as in ``PoseKey``."""

    time: NonNegative
    position: Vector3
    rotation: Vector3 = (0.0, 0.0, 0.0)
    ease: Literal["linear", "smooth"] = "smooth"


class MeshEntry(StrictModel):
    """A mesh file as text: its name and its bytes, as in the record of a dataset."""

    file: str
    base64: str


class BodyEntry(SolidEntry):
    """One body: a shape, ``parts`` or a ``mesh``, what it is made of, where it is, how it starts.

    mesh:          file (.obj, .stl, .glb, .gltf) in the folder of the scene file, or one below it
    size:          m, longest side of the mesh's box; scale: m per unit of the file, or one for each axis
    decompose:     convex parts of a concave mesh collide, not its convex hull
    hull:          the convex hull of the mesh is the body
    color:         a name or "#rrggbb"; a material with a colour of its own needs none
    material:      name from ``materials.MATERIALS``; gives density, friction, bounce and look
    mass, density: kg, kg/m³; at most one of the two
    friction:      Coulomb coefficient; bounce: speed after / before a head-on impact
    static:        never moves; path: moves as the keys say
    position:      m, centre of the body (of mass, for parts); or on, left_of, right_of, in_front_of, behind: NAME.
                   Without any of these the body lies on the floor at x = y = 0
    distance:      m between the boxes of a body and the one it is beside
    offset:        m along x and y, added to what ``on`` and its like give
    rotation:      degrees about the world's x, then y, then z axis
    velocity:      m/s; spin: rad/s
    role:          "object" is tracked, "occluder" hides others, "ground" carries them
    """

    noun: str | None = None
    parts: Annotated[tuple[PartEntry, ...], Field(min_length=1)] | None = None
    mesh: str | MeshEntry | None = None
    size: Length | None = None
    scale: Positive | tuple[Positive, Positive, Positive] | None = None
    decompose: bool = False
    hull: bool = False
    color: str | None = None
    material: str = "plastic"
    pattern: Pattern | None = None
    mass: Positive | None = None
    density: Positive | None = None
    friction: NonNegative | None = None
    bounce: Fraction | None = None
    static: bool = False
    role: Literal["object", "occluder", "ground"] | None = None
    position: Vector3 | None = None
    on: str | None = None
    left_of: str | None = None
    right_of: str | None = None
    in_front_of: str | None = None
    behind: str | None = None
    distance: NonNegative = 0.1
    offset: tuple[float, float] = (0.0, 0.0)
    rotation: Vector3 = (0.0, 0.0, 0.0)
    velocity: Vector3 = (0.0, 0.0, 0.0)
    spin: Vector3 = (0.0, 0.0, 0.0)
    path: tuple[KeyEntry, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "BodyEntry":
        given = [*self.kinds, *(name for name in ("parts", "mesh") if getattr(self, name) is not None)]
        if len(given) != 1:
            raise ValueError(f"a body has exactly one of {', '.join(SHAPES)}, parts, mesh; given are {given or 'none'}")
        of_meshes = [name for name in ("size", "scale", "decompose", "hull") if name in self.model_fields_set]
        if of_meshes and self.mesh is None:
            raise ValueError(f"{', '.join(of_meshes)} is said of a {given[0]}, but only a mesh has it; leave it out")
        if self.size is not None and self.scale is not None:
            raise ValueError("size and scale say the same twice; leave out one of the two")
        if self.decompose and self.hull:
            raise ValueError("decompose and hull are both true, and a hull is convex; leave out one of the two")
        if "color" in self.model_fields_set and self.color is None:
            raise ValueError("color is empty; # begins a comment in YAML, so write it in quotes: color: '#c83232'")
        if self.mass is not None and self.density is not None:
            raise ValueError("mass and density say the same twice; leave out one of the two")
        sides = self.relations[1:] if self.on else self.relations
        if len(sides) > 1 or (self.position is not None and self.relations):
            raise ValueError(
                f"the place is given by {[*(['position'] if self.position else []), *self.relations]}; give a "
                "position, or `on` and at most one of left_of, right_of, in_front_of, behind"
            )
        return self

    @property
    def relations(self) -> list[str]:
        """The relations that place the body, ``on`` first."""
        return [name for name in RELATIONS if getattr(self, name) is not None]


class FloorEntry(StrictModel):
    """The floor, the plane z = 0: look (grey, sand, slate, checker) and how it meets others."""

    look: str = "grey"
    friction: NonNegative = 0.5
    bounce: Fraction = 0.8


class CameraKeyEntry(StrictModel):
    """Where the camera is and what it looks at (m), at a time (s). cut: the picture cuts to this view."""

    time: NonNegative
    position: Vector3
    target: Vector3
    cut: bool = False


class CameraEntry(StrictModel):
    """Where the camera is and what it looks at, m; vertical field of view, degrees. Left out: it shows all bodies.

    path: keys of a camera that moves, in place of position and target
    """

    position: Vector3 | None = None
    target: Vector3 | None = None
    fov: Annotated[float, Field(gt=1, lt=170)] = 40.0
    path: tuple[CameraKeyEntry, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "CameraEntry":
        if self.path and (self.position is not None or self.target is not None):
            raise ValueError("the camera has a path and a position or target; leave out one of the two")
        return self


class JointEntry(StrictModel):
    """A hinge about ``axis``, a slide along it, or a ball joint; at a point in the world (m). to: a body, or the world.

    stiffness, damping: of a spring and a damper; N m/rad and N m s/rad of a hinge, N/m and N s/m of a slide
    rest:               where the spring is slack, from the start on; rad or m
    """

    hinge: str | None = None
    slide: str | None = None
    ball: str | None = None
    to: str | None = None
    at: Vector3
    axis: Vector3 = (0.0, 1.0, 0.0)
    stiffness: NonNegative = 0.0
    damping: NonNegative = 0.0
    rest: float = 0.0

    @model_validator(mode="after")
    def _check(self) -> "JointEntry":
        if sum(body is not None for body in (self.hinge, self.slide, self.ball)) != 1:
            raise ValueError("a joint is one of `hinge: BODY`, `slide: BODY`, `ball: BODY`")
        if self.ball is not None and (self.stiffness or self.damping or self.rest):
            raise ValueError("a ball joint has no spring and no damper here; leave out stiffness, damping and rest")
        return self

    def joint(self) -> Joint:
        """Return the joint."""
        spring = {"stiffness": self.stiffness, "damping": self.damping, "rest": self.rest}
        if self.hinge is not None:
            return Hinge(body=self.hinge, parent=self.to, anchor=self.at, axis=self.axis, **spring)
        if self.slide is not None:
            return Slide(body=self.slide, parent=self.to, anchor=self.at, axis=self.axis, **spring)
        assert self.ball is not None
        return BallJoint(body=self.ball, parent=self.to, anchor=self.at)


class SceneFile(StrictModel):
    """What a scene file may say; everything but ``bodies`` has a default.

    Any number may be ``{min: A, max: B}`` and any value ``{choose: [A, B, ...]}``: then the file is a family of scenes
    from which (seed, index) draw one.

    duration:   s between the first and the last frame; or num_frames
    size:       width and height, pixels
    gravity:    m/s², downwards, or a vector
    floor:      false = none
    light:      plain, noon, overcast, hazy, afternoon, indoors, sunset or night
    caption:    what happens, in words; default: the bodies
    actions:    what is done while the scene runs, as ``core.actions``
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "scene"
    caption: str | None = None
    duration: Positive | None = None
    num_frames: Annotated[int, Field(ge=1)] | None = None
    frame_rate: Positive = 16.0
    physics_rate: Positive = 960.0
    size: tuple[Annotated[int, Field(ge=8, le=4096)], Annotated[int, Field(ge=8, le=4096)]] = (128, 128)
    gravity: NonNegative | Vector3 = STANDARD_GRAVITY
    floor: FloorEntry | bool = FloorEntry()
    light: str = "plain"
    camera: CameraEntry = CameraEntry()
    bodies: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], BodyEntry], Field(min_length=1)]
    joints: tuple[JointEntry, ...] = ()
    actions: tuple[Action, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "SceneFile":
        if self.duration is not None and self.num_frames is not None:
            raise ValueError("duration and num_frames say the same twice; leave out one of the two")
        if self.light != "plain" and self.light not in _SKIES:
            raise ValueError(f"no light '{self.light}': {suggest(self.light, ('plain', *_SKIES))}")
        return self


@dataclass(frozen=True)
class LoadedScene:
    """A scene, its caption, and what was assumed where the file says nothing."""

    spec: SceneSpec
    caption: str | None
    notes: tuple[str, ...]


def load_scene(path: str | Path, *, seed: int = 0, index: int = 0) -> LoadedScene:
    """Read a scene file, or a file that holds a whole ``SceneSpec``.

    Args:
        path: YAML or JSON
        seed: of the draw, where the file has ranges or choices
        index: number of the draw

    Raises:
        ConfigError: the file does not fit, with the line; bodies that overlap; a place that cannot be solved; a seed
            where nothing is drawn.
    """
    source = read_source(Path(path))
    if str(source.data.get("format", "")).startswith(SCENE_FORMAT.partition("/")[0]):
        _require_nothing_drawn(source, seed, index)
        return LoadedScene(validate_config(SceneSpec, source.data, source=str(path)), None, ())
    return draw_scene(source, seed, index)


def scene_of(document: Mapping[str, Any], source: str) -> LoadedScene:
    """Make the scene of a mapping with the keys of a scene file.

    Args:
        document: as ``SceneFile``
        source: where it comes from, for messages

    Raises:
        ConfigError: as ``load_scene``.
    """
    return draw_scene(SourceFile(Path(source), dict(document), {}), 0, 0)


def is_family(source: SourceFile) -> bool:
    """Return whether a scene file has ranges or choices.

    Raises:
        ConfigError: one of them does not fit.
    """
    return _draw(source.data, np.random.default_rng(0), source, ())[1] > 0


def draw_scene(source: SourceFile, seed: int, index: int) -> LoadedScene:
    """Make the scene that (seed, index) draw of a file that was read.

    Raises:
        ConfigError: as ``load_scene``.
    """
    if not is_family(source):
        _require_nothing_drawn(source, seed, index)
    rng = clip_generator(seed, str(source.data.get("name", "scene")), index)
    return draw_with(source, rng, seed, index)


def draw_with(source: SourceFile, rng: np.random.Generator, seed: int, index: int) -> LoadedScene:
    """Make a scene of a file that was read, drawn from a generator; ``seed`` and ``index`` are recorded in it.

    Raises:
        ConfigError: as ``load_scene``, but for a seed where nothing is drawn.
    """
    drawn, _ = _draw(source.data, rng, source, ())
    try:
        file = SceneFile.model_validate(drawn)
    except ValidationError as error:
        raise _located(error, source) from error
    return _scene(file, source, seed, index)


def _require_nothing_drawn(source: SourceFile, seed: int, index: int) -> None:
    if seed or index:
        raise ConfigError(
            f"{source.path} says everything itself, and a seed or an index is given beside it; leave them out, or "
            "write ranges into the file, e.g. `sphere: {min: 0.1, max: 0.2}`."
        )


def _draw(value: Any, rng: np.random.Generator, source: SourceFile, location: tuple[Key, ...]) -> tuple[Any, int]:
    """Replace ranges and choices by what is drawn, in the order of the file; also return how many there were."""
    if isinstance(value, Mapping):
        if set(value) == {"min", "max"}:
            low, high = value["min"], value["max"]
            if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high)) or low > high:
                raise ConfigError(f"{source.place(location)}: the range {dict(value)} needs two numbers, min <= max.")
            for end in (low, high):
                _check_number(end, source, location)
            whole = isinstance(low, int) and isinstance(high, int)
            return (int(rng.integers(low, high + 1)) if whole else float(rng.uniform(low, high))), 1
        if set(value) == {"choose"}:
            options = value["choose"]
            if not isinstance(options, Sequence) or isinstance(options, str) or not options:
                raise ConfigError(f"{source.place(location)}: choose needs a list, e.g. choose: [red, blue].")
            chosen, count = _draw(options[int(rng.integers(len(options)))], rng, source, location)
            return chosen, count + 1
        pairs = {key: _draw(item, rng, source, (*location, str(key))) for key, item in value.items()}
        return {key: item for key, (item, _) in pairs.items()}, sum(count for _, count in pairs.values())
    if isinstance(value, list):
        items = [_draw(item, rng, source, (*location, number)) for number, item in enumerate(value)]
        return [item for item, _ in items], sum(count for _, count in items)
    _check_number(value, source, location)
    return value, 0


def _check_number(value: Any, source: SourceFile, location: tuple[Key, ...]) -> None:
    """Refuse numbers beyond ``MAX_NUMBER``, NaN, and true or false in the place of a number.

    Raises:
        ConfigError: with the line.
    """
    if isinstance(value, bool) and location and location[-1] not in _FLAGS:
        raise ConfigError(
            f"{source.place(location)}: {location[-1]} is {str(value).lower()}, where a number or a word is needed."
        )
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        shown = f"{value:g}" if isinstance(value, float) else "a whole number"
        raise ConfigError(f"{source.place(location)}: {shown} is out of range; numbers lie between -1e6 and 1e6.")


def _located(error: ValidationError, source: SourceFile) -> ConfigError:
    lines: dict[str, None] = {}
    for item in error.errors():
        # pydantic names the members of unions ("tuple[...]", "constrained-float"), which stand in no file
        location = [part for part in item["loc"] if not isinstance(part, str) or part.replace("_", "").isalnum()]
        if item["type"] == "extra_forbidden" and location[-1:] != [item["loc"][-1]]:
            location.append(item["loc"][-1])  # a key of the file, whatever it is made of
        lines[f"  {source.place(location)}: {explain_mistake(SceneFile, {**item, 'loc': location})}"] = None
    return ConfigError(f"{source.path} does not fit:\n" + "\n".join(lines))


def _scene(file: SceneFile, source: SourceFile, seed: int, index: int) -> LoadedScene:
    notes: list[str] = []
    bodies: dict[str, Body] = {}
    for name, entry in file.bodies.items():
        with _errors_at(source, ("bodies", name)):
            shape, note = _shape(entry, source.path.parent)
            notes += [f"{name}: {note}"] if note else []
            bodies[name] = _body(name, entry, shape)
    placed = _placed(file, bodies, source)
    width, height = file.size
    camera, fov = file.camera, file.camera.fov
    view = framing(tuple(placed.values()), fov, width / height)
    keys = tuple(
        CameraKey(seconds=key.time, position=key.position, target=key.target, cut=key.cut) for key in camera.path
    )
    if camera.position is None and camera.target is None and not keys:
        notes.append(f"camera: at {_shown(view.position)}, looks at {_shown(view.target)} m, to show all bodies")
    with _errors_at(source, ("camera",)):
        view = Camera(
            position=keys[0].position if keys else camera.position or view.position,
            target=keys[0].target if keys else camera.target or view.target,
            fov_y=fov,
            path=keys,
        )
    notes += [f"{body.name}: {body.mass:.3g} kg" for body in placed.values() if body.is_dynamic]
    num_frames = file.num_frames or (1 + round((file.duration or 2.0) * file.frame_rate))
    steps = (num_frames - 1) / file.frame_rate * file.physics_rate
    if num_frames > MAX_FRAMES or steps > MAX_STEPS:
        raise ConfigError(
            f"{source.path} asks for {num_frames} frames and {steps:.0f} steps of physics; a scene file has at most "
            f"{MAX_FRAMES} and {MAX_STEPS}. Lower duration, num_frames or physics_rate."
        )
    if file.duration is None and file.num_frames is None:
        notes.append("duration: 2 s")
    elif file.duration is not None and abs((num_frames - 1) / file.frame_rate - file.duration) > 1e-9:
        notes.append(f"duration: {(num_frames - 1) / file.frame_rate:g} s, a whole number of frame intervals")
    down = (0.0, 0.0, -file.gravity) if isinstance(file.gravity, float | int) else file.gravity
    ground = _floor(file.floor, source)
    everything = (*ground, *placed.values())
    joints: list[Joint] = []
    for number, entry in enumerate(file.joints):
        with _errors_at(source, ("joints", number)):
            joints.append(entry.joint())
    held = {frozenset((joint.body, joint.parent)) for joint in joints if joint.parent is not None}
    for first, second, depth in overlaps(everything, held):
        raise ConfigError(
            f"{source.place(('bodies', second))}: '{first}' and '{second}' overlap by {depth * 100:.1f} cm at the "
            f"start; move one of them, or write `on: {first}`."
        )
    with _errors_at(source, ()):
        spec = SceneSpec(
            scenario=file.name,
            root_seed=seed,
            index=index,
            gravity=down,
            num_frames=num_frames,
            frame_rate=file.frame_rate,
            physics_rate=file.physics_rate,
            width=width,
            height=height,
            bodies=everything,
            joints=tuple(joints),
            actions=file.actions,
            camera=view,
            lighting=_light(file.light),
        )
    return LoadedScene(spec, file.caption, tuple(notes))


def _shape(entry: BodyEntry, folder: Path) -> tuple[Shape, str]:
    """Return the shape of a body, and what was made of its mesh file."""
    if entry.parts is not None:
        parts = [Part(shape=p.solid(), position=p.position, orientation=turned(p.rotation)) for p in entry.parts]
        return centred(parts), ""
    if entry.mesh is None:
        return entry.solid(), ""
    mesh = entry.mesh
    file = read_mesh_file(mesh, folder) if isinstance(mesh, str) else decoded(mesh.file, mesh.base64)
    return solid_of_mesh(file, scale=entry.scale, size=entry.size, decompose=entry.decompose, hull=entry.hull)


def _body(name: str, entry: BodyEntry, shape: Shape) -> Body:
    made_of = material(entry.material)
    density = entry.density or made_of.density
    moves = not entry.static and not entry.path
    keys = [
        PoseKey(seconds=key.time, position=key.position, orientation=turned(key.rotation), ease=key.ease)
        for key in entry.path
    ]
    role = entry.role or ("object" if moves else "ground")
    return Body(
        name=name,
        noun=entry.noun or (_NOUNS[entry.kinds[0]] if entry.kinds else name),
        shape=shape,
        role=role,
        is_static=entry.static,
        mass=entry.mass or density * volume(shape),
        surface=Surface(
            friction=made_of.friction if entry.friction is None else entry.friction,
            restitution=made_of.restitution if entry.bounce is None else entry.bounce,
        ),
        appearance=_appearance(entry, made_of),
        position=keys[0].position if keys else entry.position or (0.0, 0.0, 0.0),
        orientation=keys[0].orientation if keys else turned(entry.rotation),
        linear_velocity=entry.velocity,
        angular_velocity=entry.spin,
        path=tuple(keys),
    )


def _appearance(entry: BodyEntry, made_of: Material) -> Appearance:
    name, albedo = color(entry.color or made_of.color or "red")
    look: dict[str, Any] = {**made_of.look, **({"pattern": entry.pattern} if entry.pattern else {})}
    dark = (0.6 * albedo[0], 0.6 * albedo[1], 0.6 * albedo[2])
    return Appearance(color_name=name, albedo=albedo, second_albedo=dark, pattern_scale=0.25, **look)


def _placed(file: SceneFile, bodies: dict[str, Body], source: SourceFile) -> dict[str, Body]:
    """Solve the relations, in an order in which each body comes after those it refers to."""
    floor = Body(name="floor", shape=Plane(), is_static=True, appearance=FLOORS["grey"])
    done: dict[str, Body] = {}
    waiting = list(bodies)
    while waiting:
        ready = [name for name in waiting if _needs(file.bodies[name], source, name, bodies) <= {"floor", *done}]
        if not ready:
            raise ConfigError(f"{source.path}: the places of {', '.join(waiting)} refer to each other in a circle.")
        for name in ready:
            with _errors_at(source, ("bodies", name)):
                done[name] = _place(bodies[name], file.bodies[name], {"floor": floor, **done})
            waiting.remove(name)
    return {name: done[name] for name in bodies}


def _needs(entry: BodyEntry, source: SourceFile, name: str, bodies: dict[str, Body]) -> set[str]:
    others = {getattr(entry, relation) for relation in entry.relations}
    for other in sorted(others - {"floor", *bodies}):
        raise ConfigError(f"{source.place(('bodies', name))}: no body '{other}': {suggest(other, ('floor', *bodies))}")
    return others


def _place(body: Body, entry: BodyEntry, others: dict[str, Body]) -> Body:
    if entry.position is not None or entry.path:
        return body
    support = others[entry.on or "floor"]
    sides = [relation for relation in entry.relations if relation != "on"]
    above = support.position[:2] if entry.on else (0.0, 0.0)
    if sides:
        other = others[getattr(entry, sides[0])]
        if isinstance(other.shape, Plane):
            raise SceneSpecError(f"'{body.name}' cannot be {sides[0]} the floor, which has no end")
        body = beside(body, other, sides[0], entry.distance, (0.0, 0.0))
        above = body.position[:2]
    return resting_on(body, support, entry.offset, above=(above[0], above[1]))


def _floor(entry: FloorEntry | bool, source: SourceFile) -> tuple[Body, ...]:
    if entry is False:
        return ()
    floor = FloorEntry() if entry is True else entry
    if floor.look not in FLOORS:
        raise ConfigError(f"{source.place(('floor', 'look'))}: no floor '{floor.look}': {suggest(floor.look, FLOORS)}")
    surface = Surface(friction=floor.friction, restitution=floor.bounce)
    look = FLOORS[floor.look]
    return (
        Body(
            name="floor", noun="floor", shape=Plane(), role="ground", is_static=True, surface=surface, appearance=look
        ),
    )


def _light(name: str) -> Lighting:
    if name == "plain":
        return Lighting()
    sky = _SKIES[name]
    return Lighting(
        sky_zenith=sky.zenith, sky_horizon=sky.horizon, sun_intensity=sky.sun, ambient_intensity=sky.ambient
    )


def _shown(vector: Vector3) -> str:
    return "[" + ", ".join(f"{value:.2f}" for value in vector) + "]"


@contextmanager
def _errors_at(source: SourceFile, location: tuple[Key, ...]) -> Iterator[None]:
    """Turn an error about a part of the scene into one that names its line."""
    try:
        yield
    except ValidationError as error:
        text = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise ConfigError(f"{source.place(location)}: {text}") from error
    except (SceneSpecError, ConfigError) as error:
        if str(source.path) in str(error):
            raise
        raise ConfigError(f"{source.place(location)}: {error}") from error
