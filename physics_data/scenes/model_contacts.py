"""How the geoms of a MuJoCo model meet, in the values of a scene."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import mujoco
import numpy as np
from jaxtyping import Float

from physics_data.core.mechanics import colliding_pairs, pair_friction, pair_restitution
from physics_data.core.scene import SceneSpec


@dataclass
class Findings:
    """What a scene cannot say of a model: name → where. Notes say what was translated or left out."""

    refused: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def refuse(self, name: str, where: str) -> None:
        """Record something that changes the motion and that no scene can say."""
        self.refused.setdefault(name, []).append(where)


def bounce(solref: Float[np.ndarray, "_"], timestep: float) -> float:
    """Return the restitution that a contact's ``solref`` gives, 0 to 1.

    A spring of damping ratio z throws a body back at exp(-pi z / sqrt(1 - z²)) of its speed. Scenes write
    ``solref="-k -b"`` with ``b = (1 + e) / dt`` (``engines.mujoco_engine``).

    Source: the solution of the damped oscillator over half a period.
    """
    first, second = float(solref[0]), float(solref[1])
    if first > 0:
        ratio = second
    elif 0.999 <= -second * timestep <= 2.001:
        return min(max(-second * timestep - 1.0, 0.0), 1.0)
    else:
        ratio = -second / (2.0 * math.sqrt(-first)) if first else 1.0
    return 0.0 if ratio >= 1.0 else math.exp(-math.pi * ratio / math.sqrt(1.0 - ratio * ratio))


def restitution_of(model: mujoco.MjModel, geom: int) -> float:
    """Return the restitution of a geom."""
    return bounce(model.geom_solref[geom], model.opt.timestep)


def check_pairs(model: mujoco.MjModel, spec: SceneSpec, geoms_of: Mapping[str, Sequence[int]], found: Findings) -> None:
    """Refuse models in which other bodies meet than in the scene, or meet in another way."""
    body_of = {geom: name for name, geoms in geoms_of.items() for geom in geoms}
    explicit = {
        frozenset((body_of.get(int(a), ""), body_of.get(int(b), ""))): number
        for number, (a, b) in enumerate(zip(model.pair_geom1, model.pair_geom2, strict=True))
    }
    has_contacts = not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT
    soft, means = False, 0
    for a, b in colliding_pairs(spec):
        first, second = spec.bodies[a], spec.bodies[b]
        if first.name not in geoms_of or second.name not in geoms_of:
            continue  # the floor that was asked for
        number = explicit.get(frozenset((first.name, second.name)))
        pairs = [(g, h) for g in geoms_of[first.name] for h in geoms_of[second.name]]
        if not has_contacts or (number is None and not any(_meet(model, g, h) for g, h in pairs)):
            found.refuse("contact-filters", f"'{first.name}' and '{second.name}' do not collide in the model")
            continue
        ours = (pair_friction(first, second), pair_restitution(first, second))
        if number is not None:
            friction = 0.0 if model.pair_dim[number] == 1 else float(model.pair_friction[number, 0])
            theirs = (friction, bounce(model.pair_solref[number], model.opt.timestep))
            if not np.allclose(ours, theirs, atol=1e-6):
                found.refuse("contact-pairs", f"'{first.name}' and '{second.name}': friction and bounce {theirs}")
            continue
        soft = True
        theirs = max(first.surface.friction, second.surface.friction)
        means += abs(theirs - ours[0]) > 1e-9
    for pair in explicit.keys() - {
        frozenset((spec.bodies[a].name, spec.bodies[b].name)) for a, b in colliding_pairs(spec)
    }:
        found.refuse("contact-pairs", f"{' and '.join(sorted(pair))} collide in the model, held by a joint")
    if soft:
        found.notes.append("contacts: hard, with the bounce of each geom's solref")
    if means:
        found.notes.append(f"friction: of {means} pairs of bodies the geometric mean of the two, not the larger one")


def _meet(model: mujoco.MjModel, first: int, second: int) -> bool:
    """Return whether MuJoCo's filters let two geoms collide, exclusions of bodies included."""
    contype, conaffinity = model.geom_contype, model.geom_conaffinity
    if not (contype[first] & conaffinity[second] or contype[second] & conaffinity[first]):
        return False
    a, b = sorted((int(model.geom_bodyid[first]), int(model.geom_bodyid[second])))
    return (a << 16) + b not in model.exclude_signature
