"""The joints of a scene as trees: which body hangs on which."""

from dataclasses import dataclass

import numpy as np

from physics_data.core.errors import EngineError
from physics_data.core.scene import Hinge, Joint, SceneSpec, Slide

_FITS = 1e-6
"""Difference, m/s and rad/s, by which a body's first motion may miss what its joint allows."""


@dataclass(frozen=True)
class JointTree:
    """Every body below its parent.

    order:      all bodies, parents before children, otherwise in the order of the scene
    joint_of:   the joint that holds a body
    parent_of:  the dynamic body it is held to; bodies held to the world or a static body are not listed
    """

    order: tuple[str, ...]
    joint_of: dict[str, Joint]
    parent_of: dict[str, str]

    @property
    def group_of(self) -> dict[str, frozenset[str]]:
        """For every body on joints, all dynamic bodies that hang together with it."""
        root = {}
        for name in self.order:
            root[name] = root[self.parent_of[name]] if name in self.parent_of else name
        jointed = set(self.joint_of) | set(self.parent_of.values())
        return {name: frozenset(other for other in jointed if root[other] == root[name]) for name in jointed}


def joint_tree(spec: SceneSpec) -> JointTree:
    """Arrange the joints of a scene.

    Raises:
        EngineError: a body is held by two joints or around a circle, or a joint moves a body that forces do not
            move, or it holds to a scripted body.
    """
    bodies = {body.name: body for body in spec.bodies}
    joint_of: dict[str, Joint] = {}
    parent_of: dict[str, str] = {}
    for joint in spec.joints:
        if not bodies[joint.body].is_dynamic:
            raise EngineError(
                f"a {joint.kind} joint holds '{joint.body}', which is static or scripted; name the dynamic body as "
                "body and the other one as parent."
            )
        if joint.body in joint_of:
            raise EngineError(
                f"body '{joint.body}' is held by two joints; joints make trees here, so hold each body by one."
            )
        joint_of[joint.body] = joint
        if joint.parent is not None and bodies[joint.parent].is_scripted:
            raise EngineError(
                f"a {joint.kind} joint holds '{joint.body}' to '{joint.parent}', which has a path; hold it to the "
                "world, a static or a dynamic body."
            )
        if joint.parent is not None and bodies[joint.parent].is_dynamic:
            parent_of[joint.body] = joint.parent
    order: list[str] = []
    for name in bodies:
        chain = [name]
        while chain[-1] in parent_of:
            chain.append(parent_of[chain[-1]])
            if chain[-1] == name:
                raise EngineError(f"the joints hold {' to '.join(chain)}: a circle; leave out one of them.")
            if len(chain) > len(bodies):
                break  # a circle that this body hangs on; its own members report it
        order.extend(link for link in reversed(chain) if link not in order)
    return JointTree(tuple(order), joint_of, parent_of)


def check_joints(spec: SceneSpec) -> None:
    """Refuse joints that do not make trees, and bodies that start in a way their joint does not allow.

    Raises:
        EngineError: there are such.
    """
    tree = joint_tree(spec)
    bodies = {body.name: body for body in spec.bodies}
    for name, joint in tree.joint_of.items():
        body, anchor = bodies[name], np.array(joint.anchor)
        drift, turn = np.zeros(3), np.array(body.angular_velocity)
        if name in tree.parent_of:
            parent = bodies[tree.parent_of[name]]
            drift = np.array(parent.linear_velocity) + np.cross(parent.angular_velocity, anchor - parent.position)
            turn = turn - parent.angular_velocity
        if isinstance(joint, Hinge):
            axis = np.array(joint.axis) / np.linalg.norm(joint.axis)
            across = turn - (turn @ axis) * axis
            if np.abs(across).max() > _FITS:
                raise EngineError(
                    f"body '{name}' starts with angular_velocity={body.angular_velocity} rad/s, but its hinge lets it "
                    f"turn about {joint.axis} only; write {_shown(np.array(body.angular_velocity) - across)}."
                )
        allowed = drift + np.cross(body.angular_velocity, np.array(body.position) - anchor)
        if isinstance(joint, Slide):
            if np.abs(turn).max() > _FITS:
                raise EngineError(
                    f"body '{name}' starts with angular_velocity={body.angular_velocity} rad/s, but its slide does not "
                    f"let it turn; write {_shown(np.array(body.angular_velocity) - turn)}."
                )
            axis = np.array(joint.axis) / np.linalg.norm(joint.axis)
            allowed = allowed + ((body.linear_velocity - allowed) @ axis) * axis
        if np.abs(allowed - body.linear_velocity).max() > _FITS:
            raise EngineError(
                f"body '{name}' starts with linear_velocity={body.linear_velocity} m/s, but its joint at "
                f"{joint.anchor} and angular_velocity={body.angular_velocity} rad/s allow only "
                f"linear_velocity={_shown(allowed)}; write that."
            )


def _shown(vector: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:.9g}" for value in vector) + ")"
