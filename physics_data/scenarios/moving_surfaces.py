"""Bodies on moving surfaces: a conveyor belt and a turntable."""

import math
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.scene import Box, Cylinder, PoseKey, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.parts import make_fixture, make_solid, patterned
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.scenarios.shared.staging import from_above
from physics_data.variation.colors import SCREEN, sample_colors

FLOOR, BOX, BELT = 0, 1, 2
HALF_LENGTH = 1.8


class Conveyor:
    """The belt drags the box with mu g until it is as fast; half of the boxes get there within the clip."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="conveyor",
        law="Coulomb's friction drives: acceleration mu g until the box has the speed of the belt, then none",
        quantity="a = mu g, as_fast_after = v / (mu g), x = a t² / 2 and then v t - v² / (2 a)",
        summary="A box is set on a running belt and is carried along.",
    )
    # The engines share the load between the corners in their own ways, which neither force nor way feel.
    tolerances: ClassVar[dict[str, float]] = {"path_error_relative": 0.01, "speed_error_relative": 0.03}
    ranges: ClassVar[dict[str, Range]] = {
        "way": Range(1.1, 1.7, "m", held_out=((0.7, 1.0), (1.8, 2.1))),
        "slow_start": Range(1.2, 1.6, "of the clip", held_out=((1.7, 2.0),)),
        "quick_start": Range(0.3, 0.6, "of the clip", held_out=((0.2, 0.27), (0.65, 0.75))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw whether the box gets as fast as the belt, and how far; then speed and friction that make it so."""
        is_quick = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        share = self.ranges["quick_start" if is_quick else "slow_start"].draw(rng, settings)
        way, duration = self.ranges["way"].draw(rng, settings), settings.duration
        # With s = share of the clip until it is as fast, the way of a clip is v T (1 - s / 2), or v T / (2 s).
        speed = way / duration / (1.0 - 0.5 * share if is_quick else 0.5 / share)
        friction = speed / (share * duration) / STANDARD_GRAVITY
        half = (float(rng.uniform(0.2, 0.28)), float(rng.uniform(0.2, 0.28)), float(rng.uniform(0.16, 0.22)))
        top = float(rng.uniform(0.45, 0.6))
        box = make_solid(
            "box",
            "box",
            Box(half_extents=half),
            sample_colors(rng, settings.palette, 1)[0],
            friction=friction,
            position=(side * (-0.5 * way + float(rng.uniform(-0.1, 0.1))), 0.0, top + half[2]),
        )
        belt = make_fixture(
            "belt",
            "belt",
            Box(half_extents=(HALF_LENGTH, 0.45, 0.5 * top)),
            position=(0.0, 0.0, 0.5 * top),
            appearance=SCREEN,
        ).model_copy(
            update={"surface": Surface(friction=friction, restitution=0.0, belt_velocity=(side * speed, 0.0, 0.0))}
        )
        return make_scene(
            self.info, rng, settings, root_seed, index, (box, belt), floor_restitution=0.0, floor_friction=friction
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a grey belt carries a red box to the right"."""
        side = "right" if spec.bodies[BELT].surface.belt_velocity[0] > 0 else "left"
        return f"{describe(spec.bodies[BELT])} carries {describe(spec.bodies[BOX])} to the {side}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the friction, the belt's speed in m/s, the acceleration in m/s², and when the box is as fast, in s."""
        friction, speed = spec.bodies[BELT].surface.friction, spec.bodies[BELT].surface.belt_velocity[0]
        acceleration = -friction * spec.gravity[2]
        return {
            "friction": friction,
            "belt_speed": abs(speed),
            "acceleration": acceleration,
            "as_fast_after_seconds": abs(speed) / acceleration,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of way and speed while the box is on the belt, relative to the way and the belt's speed."""
        truth, on_belt = self.ground_truth(spec), _on_belt(spec, trajectory)
        side = math.copysign(1.0, spec.bodies[BELT].surface.belt_velocity[0])
        seconds = np.array(spec.seconds)[on_belt]
        dragged = np.minimum(seconds, truth["as_fast_after_seconds"])
        way = 0.5 * truth["acceleration"] * dragged**2 + truth["belt_speed"] * (seconds - dragged)
        moved = trajectory.position[on_belt, BOX] - np.array(spec.bodies[BOX].position)
        away = np.linalg.norm(moved - side * way[:, None] * (1.0, 0.0, 0.0), axis=1)
        speed = side * trajectory.linear_velocity[on_belt, BOX, 0]
        return {
            "path_error_relative": float(away.max() / way[-1]),
            "speed_error_relative": float(np.abs(speed - truth["acceleration"] * dragged).max() / truth["belt_speed"]),
        }


def _on_belt(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "n"] | slice:
    """Return the frames before the box reaches over the end of the belt."""
    beyond = np.abs(trajectory.position[:, BOX, 0]) > HALF_LENGTH - 0.01
    return slice(0, int(np.argmax(beyond)) if beyond.any() else spec.num_frames)


DISC = 2
DISC_RADIUS = 1.25
DISC_HEIGHT = 0.2
STAYS, SLIPS = "stays on", "slips outwards on"


class Turntable:
    """The box starts turning with the disc; half of the discs are too smooth to hold it."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="turntable",
        law="friction holds a body on a circle while omega² r <= mu g; beyond that it slips outwards",
        quantity="omega² r / (mu g): below 1 it stays; above 1 x'' = -mu g s / |s| with the slip s = x' - omega × x",
        summary="A box stands on a turning disc and stays, or slips off outwards.",
    )
    # Near the limit the engines' friction is off by up to 2 %, and a box is no point: its outer edge bears more.
    tolerances: ClassVar[dict[str, float]] = {"slip_error_relative": 0.04}
    ranges: ClassVar[dict[str, Range]] = {
        "turn": Range(100.0, 170.0, "degrees", held_out=((70.0, 90.0), (180.0, 210.0))),
        "place": Range(0.6, 0.8, "m", held_out=((0.48, 0.57),)),
        "load_held": Range(0.4, 0.75, "mu g", held_out=((0.2, 0.35), (0.78, 0.85))),
        "load_slipping": Range(1.5, 2.5, "mu g", held_out=((1.25, 1.4), (2.7, 3.5))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw whether the box stays, the disc's turn in a clip, and a friction that makes it so."""
        is_held = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        load = self.ranges["load_held" if is_held else "load_slipping"].draw(rng, settings)
        turn = math.radians(self.ranges["turn"].draw(rng, settings))
        place, azimuth = self.ranges["place"].draw(rng, settings), float(rng.uniform(-math.pi, math.pi))
        omega = side * turn / settings.duration
        friction = omega**2 * place / (load * STANDARD_GRAVITY)
        width, height = float(rng.uniform(0.16, 0.2)), float(rng.uniform(0.13, 0.16))
        keys = max(1, math.ceil(turn / 1.5))
        path = tuple(
            PoseKey(
                seconds=settings.duration * key / keys,
                position=(0.0, 0.0, 0.5 * DISC_HEIGHT),
                orientation=_about_z(side * turn * key / keys),
                ease="linear",
            )
            for key in range(keys + 1)
        )
        disc = make_fixture(
            "disc",
            "disc",
            Cylinder(radius=DISC_RADIUS, half_height=0.5 * DISC_HEIGHT),
            friction=friction,
            position=path[0].position,
            appearance=patterned(SCREEN, 1.25),
        ).model_copy(update={"is_static": False, "path": path})
        box = make_solid(
            "box",
            "box",
            Box(half_extents=(width, width, height)),
            sample_colors(rng, settings.palette, 1)[0],
            friction=friction,
            position=(place * math.cos(azimuth), place * math.sin(azimuth), DISC_HEIGHT + height),
            orientation=_about_z(azimuth),
            linear_velocity=(-omega * place * math.sin(azimuth), omega * place * math.cos(azimuth), 0.0),
            angular_velocity=(0.0, 0.0, omega),
        )
        return make_scene(
            self.info,
            rng,
            from_above(settings, 30.0),
            root_seed,
            index,
            (box, disc),
            floor_restitution=0.0,
            floor_friction=friction,
            spread=1.5,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box slips outwards on a turning grey disc"."""
        verb = SLIPS if self.ground_truth(spec)["load"] > 1.0 else STAYS
        return f"{describe(spec.bodies[BOX])} {verb} a turning {spec.bodies[DISC].appearance.color_name} disc"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the disc's rate in rad/s, the box's place in m, the friction, and the load: omega² r / (mu g)."""
        box = spec.bodies[BOX]
        omega, place, friction = box.angular_velocity[2], math.hypot(*box.position[:2]), box.surface.friction
        return {
            "angular_velocity": omega,
            "place": place,
            "friction": friction,
            "load": -(omega**2) * place / (friction * spec.gravity[2]),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest distance from the way of a point with Coulomb friction on the disc, relative to its place.

        Measured for as long as the box's middle is over the disc.
        """
        expected = _expected(spec)
        measured = trajectory.position[:, BOX, :2]
        inside = np.hypot(*expected.T) < DISC_RADIUS - 0.05
        frames = slice(0, spec.num_frames if inside.all() else int(np.argmin(inside)))
        away = np.linalg.norm(measured[frames] - expected[frames], axis=1)
        return {"slip_error_relative": float(away.max() / self.ground_truth(spec)["place"])}


def _expected(spec: SceneSpec) -> Float[np.ndarray, "t 2"]:
    """Return where a point is, m, on which the disc pulls against the slip with mu g: held by it, or integrated."""
    box = spec.bodies[BOX]
    omega, start = box.angular_velocity[2], np.array(box.position[:2])
    limit = -box.surface.friction * spec.gravity[2]
    seconds = np.array(spec.seconds)
    if omega**2 * float(np.hypot(*start)) <= limit:
        cosine, sine = np.cos(omega * seconds), np.sin(omega * seconds)
        return np.stack([cosine * start[0] - sine * start[1], sine * start[0] + cosine * start[1]], axis=1)

    def rates(_: float, state: Float[np.ndarray, "4"]) -> Float[np.ndarray, "4"]:
        x, y, vx, vy = state
        slip = np.array([vx + omega * y, vy - omega * x])
        pull = -limit * slip / np.hypot(*slip) if slip.any() else -limit * np.array([x, y]) / np.hypot(x, y)
        return np.array([vx, vy, *pull])

    way = solve_ivp(
        rates, (0.0, seconds[-1]), [*start, *box.linear_velocity[:2]], t_eval=seconds, max_step=0.01, rtol=1e-6
    )
    return way.y[:2].T


def _about_z(angle: float) -> tuple[float, float, float, float]:
    turned = (angle + math.pi) % (2.0 * math.pi) - math.pi
    return (math.cos(0.5 * turned), 0.0, 0.0, math.sin(0.5 * turned))
