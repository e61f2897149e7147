"""Collisions in the plane: two balls off centre, and a billiards break."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.mechanics import kinetic_energy
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import (
    first_contact,
    first_contact_seconds,
    horizontal_momentum_error,
    velocities_after,
    way_while_untouched,
)
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import (
    aim_at,
    describe_group,
    draw_approach,
    draw_meeting,
    from_above,
    headed,
    members,
    triangle,
)
from physics_data.variation.colors import sample_colors

FLOOR, STRIKER, TARGET = 0, 1, 2
ELEVATION = 50.0
"""From where the camera looks down on the floor, degrees."""


class CollideOblique:
    """A ball hits an equal one that rests, beside its middle; both go off at an angle of 90° where nothing is lost."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="collide_oblique",
        law="conservation of momentum in two dimensions; smooth balls push along the line of their centres",
        quantity="tan(angle) = v sin a / ((1 - e) / 2 v cos a): 90 degrees at e = 1, where sin a = offset / (2 r)",
        summary="A ball hits an equal one off-centre; both go off at an angle.",
    )
    # A contact is found up to one step late, which turns the line of centres by up to v dt / 2 r, 0.25 degrees.
    tolerances: ClassVar[dict[str, float]] = {
        "momentum_relative_error": 1e-4,
        "velocity_relative_error": 0.015,
        "angle_error_degrees": 1.0,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "offset": Range(0.25, 0.7, "ball diameters", held_out=((0.1, 0.2), (0.75, 0.85))),
        "restitution": Range(0.9, 1.0, "1", held_out=((0.7, 0.85),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a hit; in half of the scenes nothing is lost. In the centred layout it lies in the middle."""
        offset = self.ranges["offset"].draw(rng, settings)
        restitution = self.ranges["restitution"].draw(rng, settings)
        if settings.ranges == "train" and rng.random() < 0.5:
            restitution = 1.0
        radius = float(rng.uniform(*settings.radius))
        side = -1.0 if rng.random() < 0.5 else 1.0
        across = -1.0 if rng.random() < 0.5 else 1.0
        heading = side * np.array([math.cos(turn := float(rng.uniform(-0.25, 0.25))), math.sin(turn)])
        travel = float(rng.uniform(0.75, 0.95))
        speed = travel / (float(rng.uniform(0.35, 0.45)) * settings.duration)
        sine = offset
        target = np.array([float(rng.uniform(-0.15, 0.15)), float(rng.uniform(-0.1, 0.3))])
        if settings.is_wide:
            meeting = draw_meeting(rng, settings, (1.2, 2.8), radius)
            heading, speed, target = meeting.direction, meeting.speed, meeting.place * (1.0, 0.7)
            travel = speed * meeting.seconds
        beside = across * np.array([-heading[1], heading[0]])
        touching = target - 2.0 * radius * (math.sqrt(1.0 - sine**2) * heading + sine * beside)
        start = touching - travel * heading
        appearances = sample_colors(rng, settings.palette, 2)
        velocity = (float(speed * heading[0]), float(speed * heading[1]), 0.0)
        striker = make_ball(
            "striker",
            radius,
            appearances[0],
            restitution,
            position=(float(start[0]), float(start[1]), radius),
            linear_velocity=velocity,
            angular_velocity=(-velocity[1] / radius, velocity[0] / radius, 0.0),
        )
        resting = make_ball("target", radius, appearances[1], restitution, (float(target[0]), float(target[1]), radius))
        return make_scene(
            self.info,
            rng,
            from_above(settings, ELEVATION),
            root_seed,
            index,
            (striker, resting),
            floor_restitution=0.0,
            spread=0.5,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball hits a blue ball off-centre, and the two part at an angle"."""
        striker, target = describe(spec.bodies[STRIKER]), describe(spec.bodies[TARGET])
        return f"{striker} hits {target} off-centre, and the two part at an angle"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return speeds in m/s after the hit, the angle between the two ways in degrees, and the offset in m."""
        striker, target = spec.bodies[STRIKER], spec.bodies[TARGET]
        velocity = np.array(striker.linear_velocity)
        between = np.subtract(target.position, striker.position)
        offset = float(np.linalg.norm(np.cross(velocity, between)) / np.linalg.norm(velocity))
        after = velocities_after(striker, target, _line_of_centres(spec), striker.surface.restitution)
        return {
            "offset": offset,
            "angle_degrees": _angle(*after),
            "striker_speed_after": float(np.linalg.norm(after[0])),
            "target_speed_after": float(np.linalg.norm(after[1])),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of momentum and of both velocities (relative), and of the angle in degrees."""
        striker, target = spec.bodies[STRIKER], spec.bodies[TARGET]
        meeting = first_contact(trajectory, STRIKER, TARGET)
        if meeting is None:
            return dict.fromkeys(self.tolerances, math.nan)
        expected = np.array(velocities_after(striker, target, _line_of_centres(spec), striker.surface.restitution))
        after = trajectory.linear_velocity[meeting:, [STRIKER, TARGET]]
        away = np.linalg.norm(after - expected, axis=-1).max() / np.linalg.norm(striker.linear_velocity)
        return {
            "momentum_relative_error": horizontal_momentum_error(spec, trajectory),
            "velocity_relative_error": float(away),
            "angle_error_degrees": abs(_angle(*after[-1]) - _angle(*expected)),
        }


def _line_of_centres(spec: SceneSpec) -> np.ndarray:
    """Return the unit vector from the striker to the target as they touch."""
    striker, target = spec.bodies[STRIKER], spec.bodies[TARGET]
    ahead = np.array(striker.linear_velocity) / np.linalg.norm(striker.linear_velocity)
    between = np.subtract(target.position, striker.position)
    beside = between - (between @ ahead) * ahead
    reach = 2.0 * ball_radius(target)
    return (beside + math.sqrt(reach**2 - beside @ beside) * ahead) / reach


def _angle(first: np.ndarray, second: np.ndarray) -> float:
    """Return the angle between two velocities, degrees."""
    cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
    return math.degrees(math.acos(float(np.clip(cosine, -1.0, 1.0))))


CUE, APEX = 1, 2
"""From where the camera looks down on the floor, degrees."""


class BilliardsBreak:
    """A ball runs into the tip of a triangle of three, six or ten equal balls."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="billiards_break",
        law="conservation of momentum in two dimensions over many impacts, of which none adds energy",
        quantity="total momentum = m v; kinetic energy between m v² / (2 n) and m v² / 2; first hit = way / v",
        summary="A ball runs into a triangle of balls, which scatter.",
    )
    # No way to say who goes where: the outcome depends on gaps of a millimetre. What stays are the sums.
    tolerances: ClassVar[dict[str, float]] = {
        "momentum_relative_error": 1e-4,
        "kinetic_energy_gain_relative": 1e-3,
        "first_hit_seconds_error": 0.003,
        "untouched_way": 1e-4,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "restitution": Range(0.9, 0.99, "1", held_out=((0.7, 0.85),)),
        "aim": Range(-0.35, 0.35, "ball diameters", held_out=((-0.6, -0.42), (0.42, 0.6))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw the size of the rack, and a hit; in the centred layout, after a fifth of the clip."""
        rows = int(rng.integers(2, 5))
        radius = float(rng.uniform(0.2, 0.24)) if rows < 4 else float(rng.uniform(0.16, 0.18))
        restitution = self.ranges["restitution"].draw(rng, settings)
        side = -1.0 if rng.random() < 0.5 else 1.0
        aim = 2.0 * radius * self.ranges["aim"].draw(rng, settings)
        travel = float(rng.uniform(0.7, 0.9))
        speed = side * travel / (float(rng.uniform(0.16, 0.24)) * settings.duration)
        cue_look, rack_look = sample_colors(rng, settings.palette, 2)
        tip, heading = -side * float(rng.uniform(0.1, 0.35)), 0.0
        back = float(rng.uniform(-0.1, 0.2))
        if settings.is_wide:
            travel, speed = float(rng.uniform(0.4, 0.9)), side * float(rng.uniform(2.6, 5.0))
            tip, heading = draw_approach(rng, side, travel + 3.0 * radius, 2.0 * radius * rows)
            back += float(rng.uniform(-0.4, 0.4))
        start = tip - side * (travel + math.sqrt(4.0 * radius**2 - aim**2))
        cue = make_ball(
            "cue",
            radius,
            cue_look,
            restitution,
            position=(start, back + aim, radius),
            linear_velocity=(speed, 0.0, 0.0),
            angular_velocity=(0.0, speed / radius, 0.0),
        )
        spacing = 2.0 * radius + float(rng.uniform(0.004, 0.02))
        rack = tuple(
            make_ball(f"ball_{number}", radius, rack_look, restitution, (tip + side * ahead, back + across, radius))
            for number, (ahead, across) in enumerate(triangle(rows, spacing))
        )
        bodies = (cue, *rack)
        return make_scene(
            self.info,
            rng,
            from_above(settings, ELEVATION),
            root_seed,
            index,
            headed(bodies, heading, (tip, back)) if settings.is_wide else bodies,
            floor_restitution=0.0,
            spread=0.5,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a white ball breaks up a triangle of six red balls"."""
        rack = [spec.bodies[k] for k in members(spec, "ball")]
        return f"{describe(spec.bodies[CUE])} breaks up a triangle of {describe_group(rack)}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return momentum along x in kg m/s, kinetic energy in J with its lower bound, and when the first hit is, s."""
        cue, apex = spec.bodies[CUE], spec.bodies[APEX]
        speed, reach = math.hypot(*cue.linear_velocity[:2]), 2.0 * ball_radius(cue)
        ahead, across = aim_at(cue, apex)
        gap = ahead - math.sqrt(reach**2 - across**2)
        energy = 0.5 * cue.mass * speed**2
        return {
            "momentum": cue.mass * cue.linear_velocity[0],
            "kinetic_energy": energy,
            "least_kinetic_energy": energy / (1 + len(members(spec, "ball"))),
            "first_hit_seconds": gap / speed,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the changes of momentum and growth of kinetic energy (relative), the error of the time of the first
        hit in s, and the largest way in m that a ball has moved before another touched it."""
        truth, kinetic = self.ground_truth(spec), kinetic_energy(spec, trajectory)
        seconds = first_contact_seconds(trajectory, CUE, [APEX])
        return {
            "momentum_relative_error": horizontal_momentum_error(spec, trajectory),
            "kinetic_energy_gain_relative": float((kinetic.max() - kinetic[0]) / kinetic[0]),
            "first_hit_seconds_error": abs(seconds - truth["first_hit_seconds"]),
            "untouched_way": way_while_untouched(trajectory, members(spec, "ball"), [FLOOR]),
        }
