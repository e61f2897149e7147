"""Where the bodies of a scene start: meetings on the floor, groups, and the camera above them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from physics_data.core.scene import Appearance, Body, Quaternion, SceneSpec, Vector3
from physics_data.scenarios.shared.scenario import describe
from physics_data.scenarios.shared.settings import SceneSettings

HALF_VIEW = 1.6
"""Half the width of the plane y = 0 in which things are placed, m; the default camera shows about 2 m."""

SEEN_SHARE = 0.4
"""Share of a way that lies in the picture, counted from its start; the rest may lead out of it."""

DEPTHS = (-0.3, 1.0)
"""Where things happen across the plane of the picture, y, m."""

REFERENCE_SECONDS = 1.0
"""Time in which a body goes a way that scenarios draw in metres, s: what takes the whole clip in the centred layout."""

FEWEST_FRAMES = 3
"""Frame intervals before an event, so that the motion before it can be seen."""

HEAD_ON_SPEEDS = (0.7, 2.0)
"""Of the first of two bodies that meet head-on, m/s."""


class Meeting(NamedTuple):
    """Where and when two bodies meet, and how the first one comes there.

    place: m, x and y of the point in which they touch; direction: of the first body's velocity, unit vector;
    seconds: of its way; speed: m/s
    """

    place: Float[np.ndarray, "2"]
    direction: Float[np.ndarray, "2"]
    seconds: float
    speed: float


def start_across(rng: np.random.Generator, way: float, half_view: float = HALF_VIEW) -> float:
    """Draw where a body with a way along x (m, signed) starts, m: its first ``SEEN_SHARE`` is in the picture."""
    seen = SEEN_SHARE * way
    low, high = -half_view - min(seen, 0.0), half_view - max(seen, 0.0)
    return float(rng.uniform(low, high)) if low < high else 0.5 * (low + high)


def speed_within(speed: float, settings: SceneSettings, half_view: float = HALF_VIEW) -> float:
    """Return a speed (m/s), lowered where the clip is so long that less than ``SEEN_SHARE`` of the way can be seen."""
    return min(speed, 2.0 * half_view / (SEEN_SHARE * settings.duration))


def draw_heading(rng: np.random.Generator, most: float = 50.0) -> Float[np.ndarray, "2"]:
    """Draw a unit vector on the floor to the left or right, up to ``most`` degrees towards or away from the camera."""
    side = -1.0 if rng.random() < 0.5 else 1.0
    angle = math.radians(rng.uniform(-most, most))
    return np.array([side * math.cos(angle), math.sin(angle)])


def draw_meeting(
    rng: np.random.Generator, settings: SceneSettings, speeds: tuple[float, float], reach: float
) -> Meeting:
    """Draw where and when two bodies meet.

    The time is drawn up to six tenths of the clip, as far as the way fits into the picture; the speed (m/s) does
    not depend on the length of the clip, unless the clip is so short that the way before the meeting does not fit.

    Units:
        reach:  m, from the first body's middle to the point of contact
    """
    # Farther ahead than behind the middle: else all bodies would start at the edge that they come from.
    direction, speed = draw_heading(rng, 65.0), float(rng.uniform(*speeds))
    side = math.copysign(1.0, direction[0])
    x = side * float(rng.uniform(-0.7, 1.4))
    room = (HALF_VIEW + side * x) / abs(direction[0]) - reach
    earliest = FEWEST_FRAMES / settings.frame_rate
    latest = max(earliest, min(0.6 * settings.duration, room / speed))
    seconds = float(rng.uniform(earliest, latest))
    return Meeting(np.array([x, float(rng.uniform(*DEPTHS))]), direction, seconds, min(speed, room / seconds))


def draw_head_on(
    rng: np.random.Generator, settings: SceneSettings, reach: float
) -> tuple[float, Float[np.ndarray, "2"], Float[np.ndarray, "2"], list[float]]:
    """Draw a head-on meeting of two bodies; in six of ten scenes the second one rests.

    Returns the time of the meeting (s), its place (m, x and y), the direction of the first body, and both ways (m).

    Units:
        reach:  m, from the first body's middle to the point of contact
    """
    meeting = draw_meeting(rng, settings, HEAD_ON_SPEEDS, reach)
    travels = [meeting.speed * meeting.seconds, 0.0]
    if rng.random() < 0.4:
        room = HALF_VIEW - math.copysign(1.0, meeting.direction[0]) * float(meeting.place[0]) - reach
        travels[1] = max(min(float(rng.uniform(0.3, 1.2)) * meeting.seconds, room), 0.1)
    return meeting.seconds, meeting.place, meeting.direction, travels


def on_floor(place: Float[np.ndarray, "2"], height: float) -> Vector3:
    """Return a point (m) over a place on the floor, also a velocity with its vertical part."""
    return (float(place[0]), float(place[1]), height)


def rolling_spin(velocity: Float[np.ndarray, "2"], radius: float) -> Vector3:
    """Return the angular velocity (rad/s) of a ball that rolls with a velocity (m/s): ω = ẑ × v / r."""
    return (-float(velocity[1]) / radius, float(velocity[0]) / radius, 0.0)


def draw_approach(rng: np.random.Generator, side: float, way: float, beyond: float) -> tuple[float, float]:
    """Draw where (m, along x) a body that moves to a side hits what stands, and its heading (rad about the vertical).

    Farther ahead than behind the middle, as far as the way (m) before it fits into the picture: else all bodies would
    start at the edge that they come from. What stands reaches ``beyond`` (m) behind that place; its last third may
    be outside of the picture.
    """
    heading = math.radians(float(rng.uniform(-65.0, 65.0)))
    farthest = 1.45 - 0.33 * beyond
    nearest = min(max(way * math.cos(heading) - HALF_VIEW, -0.7), farthest)
    return side * float(rng.uniform(nearest, farthest)), heading


def headed(bodies: Sequence[Body], heading: float, middle: tuple[float, float]) -> tuple[Body, ...]:
    """Return bodies turned together about the vertical through a point (m, x and y) by an angle (rad)."""
    turn, pivot = Rotation.from_euler("z", heading), np.array((*middle, 0.0))

    def turned(body: Body) -> Body:
        orientation = turn * Rotation.from_quat(body.orientation, scalar_first=True)
        vectors = {
            "position": pivot + turn.apply(np.array(body.position) - pivot),
            "linear_velocity": turn.apply(body.linear_velocity),
            "angular_velocity": turn.apply(body.angular_velocity),
            "orientation": orientation.as_quat(scalar_first=True),
        }
        return body.model_copy(update={name: tuple(vector.tolist()) for name, vector in vectors.items()})

    return tuple(turned(body) for body in bodies)


def aim_at(mover: Body, target: Body) -> tuple[float, float]:
    """Return how far a target lies ahead of a mover's middle along its horizontal velocity, and beside its way, m."""
    x, y, _ = np.array(mover.linear_velocity) / math.hypot(*mover.linear_velocity[:2])
    ahead, across, _ = np.array(target.position) - mover.position
    return float(ahead * x + across * y), float(across * x - ahead * y)


def facing(direction: Float[np.ndarray, "2"]) -> Quaternion:
    """Return the turn about the vertical that brings a body's x axis along a direction on the floor."""
    turn = 0.5 * math.atan2(float(direction[1]), float(direction[0]))
    return (math.cos(turn), 0.0, 0.0, math.sin(turn))


NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_PLURALS = {"box": "boxes", "domino": "dominoes"}


def plural(noun: str) -> str:
    """Return the plural of a body's noun."""
    return _PLURALS.get(noun, f"{noun}s")


def members(spec: SceneSpec, prefix: str) -> list[int]:
    """Return the positions in ``spec.bodies`` of a group, whose bodies are called ``prefix_0``, ``prefix_1``, ..."""
    return [
        spec.body_index(f"{prefix}_{k}") for k in range(sum(body.name.startswith(f"{prefix}_") for body in spec.bodies))
    ]


def describe_group(bodies: Sequence[Body]) -> str:
    """Return for example "six small red balls", of bodies of one colour, size and kind."""
    first = bodies[0]
    words = describe(first).split(" ", 1)[1].removesuffix(first.noun)
    return f"{NUMBERS[len(bodies)]} {words}{first.noun if len(bodies) == 1 else plural(first.noun)}"


def triangle(rows: int, spacing: float) -> list[tuple[float, float]]:
    """Return where the bodies of a rack stand, (ahead, across) in m: row k of the triangle has k + 1 of them.

    The first stands at (0, 0). Neighbours are ``spacing`` apart.
    """
    return [
        (row * spacing * math.sqrt(0.75), (place - 0.5 * row) * spacing)
        for row in range(rows)
        for place in range(row + 1)
    ]


def alternating(appearances: Sequence[Appearance], count: int) -> list[Appearance]:
    """Return the appearances of bodies that touch one another, so that the line between two of them is seen."""
    return [appearances[index % len(appearances)] for index in range(count)]


def from_above(settings: SceneSettings, elevation: float, target_height: float = 0.2) -> SceneSettings:
    """Return settings whose camera is as far away but looks down at the middle of the floor.

    Units:
        elevation:      degrees over the horizon, of the camera seen from what it looks at
        target_height:  m
    """
    away = math.hypot(settings.camera_distance, settings.camera_height - settings.camera_target_height)
    angle = math.radians(elevation)
    return settings.model_copy(
        update={
            "camera_distance": away * math.cos(angle),
            "camera_height": target_height + away * math.sin(angle),
            "camera_target_height": target_height,
        }
    )
