"""Solids of a scene as plain JSON: primitives, meshes, compounds and planes."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_serializer, model_validator
from pydantic._internal._model_construction import ModelMetaclass

from physics_data.core.config import StrictModel, explain_mistake
from physics_data.core.errors import SceneSpecError

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Color = tuple[Fraction, Fraction, Fraction]
"""Linear-light RGB albedo or radiance factor, each in [0, 1]."""


SceneModelT = TypeVar("SceneModelT", bound="SceneModel")


class _SceneModelMeta(ModelMetaclass):
    """Turns pydantic's error about a part made in Python into the project's; files and nested data are as before."""

    def __call__(cls, *args: Any, **fields: Any) -> Any:  # noqa: N805  (of a metaclass)
        try:
            return super().__call__(*args, **fields)
        except ValidationError as error:
            lines = [explain_mistake(cls, dict(item)) for item in error.errors()]  # type: ignore[arg-type]
            text = "; ".join(line.removeprefix("(top): ") for line in lines)
            raise SceneSpecError(f"{cls.__name__}: {text}") from error


class SceneModel(StrictModel, metaclass=_SceneModelMeta):
    """Base of a scene and its parts. Wrong values raise SceneSpecError, which names the field and the nearest one.

    ``model_copy(update=...)`` is pydantic's and checks nothing; write ``edited``.
    """

    def edited(self: SceneModelT, **changes: Any) -> SceneModelT:
        """Return a copy with other values, checked as a new one is.

        Raises:
            SceneSpecError: no such field, or values that do not fit.
        """
        return type(self)(**({name: getattr(self, name) for name in type(self).model_fields} | changes))


class Sphere(SceneModel):
    """A ball around the body origin. Radius in m."""

    kind: Literal["sphere"] = "sphere"
    radius: Positive


class Box(SceneModel):
    """An axis-aligned box in the body frame. Half extents in m."""

    kind: Literal["box"] = "box"
    half_extents: tuple[Positive, Positive, Positive]


class Cylinder(SceneModel):
    """A closed cylinder along the body's z axis. Radius and half height in m."""

    kind: Literal["cylinder"] = "cylinder"
    radius: Positive
    half_height: Positive


class Capsule(SceneModel):
    """A cylinder along the body's z axis with a half ball on each end. Radius and half height of the cylinder, m."""

    kind: Literal["capsule"] = "capsule"
    radius: Positive
    half_height: Positive


class Ellipsoid(SceneModel):
    """An ellipsoid around the body origin. Half axes along x, y, z in m."""

    kind: Literal["ellipsoid"] = "ellipsoid"
    half_axes: tuple[Positive, Positive, Positive]


class Mesh(SceneModel):
    """A closed triangle mesh; corners run counter-clockwise seen from outside.

    vertices:   m, body frame; the origin is the centre of mass
    triangles:  positions in ``vertices``
    hulls:      corners of the convex parts that engines collide, m, body frame; () = the convex hull of all vertices
    """

    kind: Literal["mesh"] = "mesh"
    vertices: Annotated[tuple[Vector3, ...], Field(min_length=4)]
    triangles: Annotated[tuple[tuple[int, int, int], ...], Field(min_length=4)]
    hulls: tuple[Annotated[tuple[Vector3, ...], Field(min_length=4)], ...] = ()

    @model_serializer(mode="wrap")
    def _without_no_hulls(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave ``hulls`` out where there are none, so that scenes of before them keep their bytes."""
        return {name: value for name, value in dump(self).items() if name != "hulls" or value}

    @property
    def colliding_parts(self) -> tuple[tuple[Vector3, ...], ...]:
        """Corners of each convex part that engines collide, m, body frame."""
        return self.hulls or (self.vertices,)

    @model_validator(mode="after")
    def _check(self) -> "Mesh":
        lowest, highest = min(min(t) for t in self.triangles), max(max(t) for t in self.triangles)
        if lowest < 0 or highest >= len(self.vertices):
            raise ValueError(
                f"the triangles name vertices {lowest} to {highest}, the mesh has 0 to {len(self.vertices) - 1}"
            )
        return self


Primitive = Annotated[Sphere | Box | Cylinder | Capsule | Ellipsoid, Field(discriminator="kind")]


class Part(SceneModel):
    """A solid fixed inside a compound: its pose in the body frame (m; unit quaternion wxyz)."""

    shape: Primitive
    position: Vector3 = (0.0, 0.0, 0.0)
    orientation: Quaternion = (1.0, 0.0, 0.0, 0.0)

    @model_validator(mode="after")
    def _check(self) -> "Part":
        check_rotation("a part", self.orientation)
        return self


class Compound(SceneModel):
    """Several solids as one rigid body and one instance: a cup, a table, an L. Parts have one density.

    The body origin is the centre of mass; ``core.mechanics.centred`` moves parts so that it is.
    """

    kind: Literal["compound"] = "compound"
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]


class Plane(SceneModel):
    """The infinite plane z = 0 of the body frame; solid below. Planes are static and count as background."""

    kind: Literal["plane"] = "plane"


Shape = Annotated[Sphere | Box | Cylinder | Capsule | Ellipsoid | Mesh | Compound | Plane, Field(discriminator="kind")]


def check_rotation(what: str, orientation: Quaternion) -> None:
    """Check that a quaternion has norm 1; ``what`` names its owner.

    Raises:
        ValueError: it has another norm.
    """
    norm = math.sqrt(sum(q * q for q in orientation))
    if abs(norm - 1.0) > 1e-6:
        raise ValueError(
            f"{what}: orientation {orientation} has norm {norm:.6g}, a rotation needs norm 1; "
            "divide by the norm (order w, x, y, z)"
        )
