"""Balance: a plank over an edge, and a seesaw."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp

from physics_data.core.mechanics import solid_inertia
from physics_data.core.scene import Box, Cylinder, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact, tilt, way
from physics_data.scenarios.shared.parts import WOOD, about_y, make_fixture, make_solid
from physics_data.scenarios.shared.pendulums import angle_of, half_extents, hinge_across, pivot_seconds, seconds_at
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, PLANK, LEDGE = 0, 1, 2
TURN = 0.25
"""Angle at which the clip's tipping is timed, rad: the edge still holds the plank by friction."""


class OverhangEdge:
    """A box is let go with its middle short of the edge, or beyond it."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="overhang_edge",
        law="torque: a body over an edge tips if its centre of mass is beyond the edge, and else stays",
        quantity="tips = overhang > 0; time to turn by a: integral of da / sqrt(2 g (h (1 - cos a) + d sin a) m / I)",
        summary="A box lies over the edge of a ledge and stays, or tips over.",
    )
    tolerances: ClassVar[dict[str, float]] = {
        "outcome_error": 0.0,
        "tip_seconds_error": 0.02,
        "rest_error": 0.003,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "overhang": Range(0.07, 0.14, "m beyond or short of the edge", held_out=((0.045, 0.06), (0.16, 0.22))),
        "half_length": Range(0.4, 0.55, "m", held_out=((0.3, 0.36), (0.6, 0.68))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")
    waives: ClassVar[frozenset[str]] = frozenset({"nothing_moves"})

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw first whether it tips, then on which side and by how much."""
        tips = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        overhang = self.ranges["overhang"].draw(rng, settings) * (1.0 if tips else -1.0)
        half = (
            self.ranges["half_length"].draw(rng, settings),
            float(rng.uniform(0.18, 0.3)),
            float(rng.uniform(0.07, 0.16)),
        )
        height = float(rng.uniform(1.0, 1.5))
        edge = side * float(rng.uniform(-0.35, 0.15))
        friction = float(rng.uniform(0.7, 0.9))
        plank = make_solid(
            "plank",
            "box",
            Box(half_extents=half),
            sample_colors(rng, settings.palette, 1)[0],
            friction=friction,
            position=(edge + side * overhang, 0.0, height + half[2]),
        )
        ledge_half = 0.6
        ledge = make_fixture(
            "ledge",
            "ledge",
            Box(half_extents=(ledge_half, 0.45, 0.5 * height)),
            friction=friction,
            position=(edge - side * ledge_half, 0.0, 0.5 * height),
        )
        return make_scene(
            self.info, rng, settings, root_seed, index, (plank, ledge), floor_restitution=0.0, floor_friction=friction
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box lies over the edge of a brown ledge and tips over"."""
        end = "tips over" if self.ground_truth(spec)["tips"] else "stays where it is"
        return f"{describe(spec.bodies[PLANK])} lies over the edge of {describe(spec.bodies[LEDGE])} and {end}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return how far the centre is beyond the edge in m, whether it tips, and the time in s to turn by TURN."""
        overhang = _overhang(spec)
        truth = {"overhang": overhang, "tips": float(overhang > 0.0)}
        if overhang > 0.0:
            plank = spec.bodies[PLANK]
            truth["tip_seconds"] = pivot_seconds(
                plank, overhang, half_extents(plank)[2], TURN, gravity=-spec.gravity[2]
            )
        return truth

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return whether the outcome is another one than predicted (0 or 1), the error of the time of tipping in s,
        and how far a plank that stays has moved in m; 0 where one does not apply."""
        truth, angle = self.ground_truth(spec), tilt(trajectory, PLANK)
        tipped = angle.max() > TURN
        error = 0.0
        if truth["tips"]:
            error = abs(seconds_at(angle, TURN, spec.frame_rate) - truth["tip_seconds"])
        return {
            "outcome_error": float(tipped != bool(truth["tips"])),
            "tip_seconds_error": error,
            "rest_error": 0.0 if truth["tips"] else float(way(trajectory, PLANK).max()),
        }


def _overhang(spec: SceneSpec) -> float:
    """Return how far the plank's centre is beyond the edge, m; negative over the ledge."""
    plank, ledge = spec.bodies[PLANK], spec.bodies[LEDGE]
    away = plank.position[0] - ledge.position[0]
    return abs(away) - half_extents(ledge)[0]


LEFT, RIGHT, STAND = 2, 3, 4

FRICTION = 1.0
"""Of weights and plank: the plank's end meets the floor long before the weights could slip."""

HALF_LENGTH, THICKNESS = 1.35, 0.06
"""Half the length and half the thickness of the plank, m."""

BALANCED = 1e-9
"""A spin below this is rounding, rad/s."""


class SeesawBalance:
    """Two weights fall at once onto a level plank on a stand, one on either side."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="seesaw_balance",
        law="torque: the side with the larger m x goes down; with equal torques the plank stays level",
        quantity="a' = T v / I after the landing at v, then I a'' = g (T cos a + H sin a); T = sum m x, H = sum m z",
        summary="Two weights fall onto a seesaw: it tips to one side or stays level.",
    )
    # Relative to the angle at which an end of the plank meets the floor.
    tolerances: ClassVar[dict[str, float]] = {"angle_relative_error": 0.01}
    ranges: ClassVar[dict[str, Range]] = {
        "size": Range(0.17, 0.21, "m", held_out=((0.14, 0.16), (0.22, 0.24))),
        "torque_ratio": Range(1.5, 2.1, "1", held_out=((1.25, 1.4), (2.2, 2.6))),
        "mass_ratio": Range(0.7, 1.45, "1"),
        "arm": Range(0.85, 1.05, "m"),
        "drop": Range(0.05, 0.1, "m"),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw which side goes down, or none, then two weights and the arms that make it so."""
        outcome = int(rng.integers(3)) - 1
        appearances = sample_colors(rng, settings.palette, 2)
        height = float(rng.uniform(0.5, 0.6))
        size, mass_ratio = self.ranges["size"].draw(rng, settings), self.ranges["mass_ratio"].draw(rng, settings)
        ratio = self.ranges["torque_ratio"].draw(rng, settings) if outcome else 1.0
        drop = self.ranges["drop"].draw(rng, settings)
        lower = outcome or (-1 if rng.random() < 0.5 else 1)
        # The arm of the other weight follows from both ratios; a long one scales both arms, so as to fit the plank.
        arm = self.ranges["arm"].draw(rng, settings)
        arms = [arm, arm / (mass_ratio * ratio)]
        fit = min(1.0, 1.1 / arms[1])
        bodies = [
            make_solid(
                "plank",
                "plank",
                Box(half_extents=(HALF_LENGTH, 0.3, THICKNESS)),
                WOOD,
                friction=FRICTION,
                position=(0.0, 0.0, height),
            ).model_copy(update={"role": "ground"})
        ]
        for side, look in zip((-1, 1), appearances, strict=True):
            place = 0 if side == lower else 1
            noun = "box" if rng.random() < 0.5 else "cylinder"
            shape = _weight(noun, size, 1.0 if place == 0 else mass_ratio)
            bodies.append(
                make_solid(
                    "left_weight" if side < 0 else "right_weight",
                    noun,
                    shape,
                    look,
                    friction=FRICTION,
                    position=(side * fit * arms[place], 0.0, height + THICKNESS + half_height(shape) + drop),
                )
            )
        edge = 0.28
        stand = make_fixture(
            "stand",
            "stand",
            Box(half_extents=(edge, 0.2, edge)),
            position=(0.0, 0.0, height - THICKNESS - 0.03 - math.sqrt(2.0) * edge),
            orientation=about_y(0.25 * math.pi),
        )
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            (*bodies, stand),
            floor_restitution=0.0,
            floor_friction=0.5,
            joints=(hinge_across(bodies[0], bodies[0].position),),
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box and a blue box fall onto a brown plank on a brown stand, which stays level"."""
        left, right, plank, stand = (describe(spec.bodies[place]) for place in (LEFT, RIGHT, PLANK, STAND))
        side = self.ground_truth(spec)["side"]
        end = "stays level" if side == 0 else f"tips to the {'right' if side > 0 else 'left'}"
        return f"{left} and {right} fall onto {plank} on {stand}, which {end}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return time in s of the landing, spin in rad/s after it, positive to the right, and the side: -1, 0 or 1."""
        balance = _Balance.of(spec)
        side = 0.0 if abs(balance.spin) < BALANCED else math.copysign(1.0, balance.torque)
        return {"landing_seconds": balance.landing, "spin_after_landing": side * abs(balance.spin), "side": side}

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest error of the angle until an end of the plank meets the floor."""
        contact = first_contact(trajectory, FLOOR, PLANK)
        end = spec.num_frames if contact is None else contact
        expected = _Balance.of(spec).angles(np.array(spec.seconds[:end]))
        away = np.abs(angle_of(trajectory, PLANK)[:end] - expected).max()
        tipped = math.asin(min(1.0, spec.bodies[PLANK].position[2] / HALF_LENGTH))
        return {"angle_relative_error": float(away / tipped)}


@dataclass(frozen=True)
class _Balance:
    """The seesaw as one rigid body on a hinge, from the landing of the weights on.

    Units:
        torque, lift:  N m, torque of gravity = torque cos a + lift sin a
        inertia:       kg m², about the hinge
        landing:       s, when the weights land
        spin:          rad/s after it, from angular momentum about the hinge
    """

    torque: float
    lift: float
    inertia: float
    landing: float
    spin: float

    @classmethod
    def of(cls, spec: SceneSpec) -> "_Balance":
        plank, gravity = spec.bodies[PLANK], -spec.gravity[2]
        torque, lift, inertia, drop = 0.0, 0.0, solid_inertia(plank)[1], 0.0
        for place in (LEFT, RIGHT):
            weight = spec.bodies[place]
            x, _, height = np.subtract(weight.position, plank.position)
            assert isinstance(weight.shape, Box | Cylinder), "weights are boxes and cylinders"
            z = THICKNESS + half_height(weight.shape)
            drop = float(height - z)
            torque += weight.mass * gravity * x
            lift += weight.mass * gravity * z
            inertia += weight.mass * (x * x + z * z) + solid_inertia(weight)[1]
        landing = math.sqrt(2.0 * drop / gravity)
        # The angular momentum that falling weights bring: sum m x v with v = g t.
        return cls(float(torque), float(lift), float(inertia), landing, float(torque * landing / inertia))

    def angles(self, seconds: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t"]:
        """Return the angles at some times (s), rad, positive to the right."""

        def change(_: float, state: np.ndarray) -> list[float]:
            pull = self.torque * math.cos(state[0]) + self.lift * math.sin(state[0])
            return [state[1], pull / self.inertia]

        after = np.flatnonzero(seconds > self.landing)
        angles = np.zeros(len(seconds))
        if len(after):
            times = (self.landing, float(seconds[-1]))
            angles[after] = solve_ivp(change, times, [0.0, self.spin], t_eval=seconds[after], rtol=1e-8).y[0]
        return angles


def _weight(noun: str, size: float, share: float) -> Box | Cylinder:
    """Return a box or an upright cylinder with ``share`` of the volume of a cube of half edge ``size`` (m)."""
    if noun == "box":
        half = size * share ** (1.0 / 3.0)
        return Box(half_extents=(half, half, half))
    half = size * (share * 4.0 / math.pi) ** (1.0 / 3.0)
    return Cylinder(radius=half, half_height=half)


def half_height(shape: Box | Cylinder) -> float:
    """Return half the height of an upright box or cylinder, m."""
    return shape.half_extents[2] if isinstance(shape, Box) else shape.half_height
