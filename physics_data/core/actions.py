"""Interventions: what is done to a scene while it runs.

An action happens right after its frame: frame ``frame`` shows the scene before it, the next one what it did. Frames up
to ``frame`` are the same, to the bit, as without it.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from physics_data.core.shapes import Fraction, NonNegative, Positive, SceneModel, Vector3

if TYPE_CHECKING:
    from physics_data.core.scene import SceneSpec

Frame = Annotated[int, Field(ge=0)]


class Impulse(SceneModel):
    """A blow on a dynamic body: its momentum changes by ``impulse``, its spin by the arm of ``point``.

    Units:
        impulse:  N s, world frame
        point:    m, world frame; None = the centre of mass
    """

    kind: Literal["impulse"] = "impulse"
    frame: Frame
    body: str
    impulse: Vector3
    point: Vector3 | None = None


class SetGravity(SceneModel):
    """Gravity is another one from here on, m/s²."""

    kind: Literal["gravity"] = "gravity"
    frame: Frame
    gravity: Vector3


class SetBody(SceneModel):
    """Mass (kg, the shape stays), friction or restitution of a body change; its velocity stays."""

    kind: Literal["body"] = "body"
    frame: Frame
    body: str
    mass: Positive | None = None
    friction: NonNegative | None = None
    restitution: Fraction | None = None

    @model_validator(mode="after")
    def _check(self) -> "SetBody":
        if self.mass is None and self.friction is None and self.restitution is None:
            raise ValueError(f"the action on '{self.body}' changes nothing; give mass, friction or restitution")
        return self


class Remove(SceneModel):
    """A body, and the joints that hold it, are gone from here on."""

    kind: Literal["remove"] = "remove"
    frame: Frame
    body: str


class Insert(SceneModel):
    """A body of the scene is absent up to here, and starts here from its initial state."""

    kind: Literal["insert"] = "insert"
    frame: Frame
    body: str


Action = Annotated[Impulse | SetGravity | SetBody | Remove | Insert, Field(discriminator="kind")]


def check_actions(spec: "SceneSpec") -> None:
    """Refuse actions that name no body, come too late, or act on a body that cannot take them.

    Raises:
        ValueError: with the action.
    """
    bodies = {body.name: body for body in spec.bodies}
    jointed = {name for joint in spec.joints for name in (joint.body, joint.parent)}
    gone: dict[str, set[str]] = {"remove": set(), "insert": set()}
    for action in spec.actions:
        if action.frame > spec.num_frames - 2:
            raise ValueError(
                f"the action '{action.kind}' at frame {action.frame} shows in no frame; the clip has "
                f"{spec.num_frames}, so the last useful frame is {spec.num_frames - 2}"
            )
        if isinstance(action, SetGravity):
            continue
        if action.body not in bodies:
            raise ValueError(f"an action is on '{action.body}'; the scene has {', '.join(bodies)}")
        body = bodies[action.body]
        if isinstance(action, Impulse):
            if not body.is_dynamic:
                raise ValueError(f"an impulse on '{body.name}', which is static or scripted, moves nothing")
            if body.name in jointed:
                raise ValueError(f"an impulse on '{body.name}', which a joint holds, cannot be; push a free body")
        if isinstance(action, SetBody) and action.mass is not None and not body.is_dynamic:
            raise ValueError(f"the mass of '{body.name}', which is static or scripted, changes nothing")
        if isinstance(action, Remove | Insert):
            if not body.is_instance:
                raise ValueError(f"'{body.name}' is a plane, which is always there; act on another body")
            if body.name in gone[action.kind]:
                raise ValueError(f"two actions '{action.kind}' are on '{body.name}'; give one")
            gone[action.kind].add(body.name)
        if isinstance(action, Insert) and body.name in jointed:
            raise ValueError(f"'{body.name}' is held by a joint and cannot be inserted; insert a free body")
    inserted = {action.body: action.frame for action in spec.actions if isinstance(action, Insert)}
    for action in spec.actions:
        if isinstance(action, Impulse | SetBody | Remove) and action.frame < inserted.get(action.body, -1):
            raise ValueError(f"an action at frame {action.frame} is on '{action.body}', which is not there yet")
    removed = {action.body: action.frame for action in spec.actions if isinstance(action, Remove)}
    for action in spec.actions:
        if isinstance(action, Impulse | SetBody) and action.frame > removed.get(action.body, spec.num_frames):
            raise ValueError(f"an action at frame {action.frame} is on '{action.body}', which is gone by then")
    for name in removed.keys() & inserted.keys():
        if removed[name] <= inserted[name]:
            raise ValueError(f"'{name}' is removed at frame {removed[name]}, before it is inserted")
