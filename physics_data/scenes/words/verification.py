"""Whether a simulated scene shows what a text states: each event, found in states and contacts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.geometry import min_width, rotation_matrix, world_bounds
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenes.words.description import Event, Story, Thing


@dataclass(frozen=True)
class Finding:
    """Whether an event occurred; seconds: when, None = it did not; members: how many of several bodies."""

    event: Event
    seconds: float | None

    @property
    def holds(self) -> bool:
        """Whether the film shows what is stated."""
        return (self.seconds is None) == self.event.is_negated


def _box(body: Body) -> Float[np.ndarray, "2 3"]:
    """Return the world's box around a body, from its origin, m; nothing for the floor."""
    return world_bounds(body) - np.array(body.position) if body.is_instance else np.zeros((2, 3))


class Film:
    """A simulated scene and what the checks ask of it.

    Axes: t frames, o bodies.
    """

    def __init__(self, spec: SceneSpec, trajectory: Trajectory) -> None:
        """Keep both."""
        self.spec, self.trajectory = spec, trajectory
        self.index = {body.name: number for number, body in enumerate(spec.bodies)}
        self.bounds = [
            world_bounds(b) - np.array(b.position) if b.is_instance else np.zeros((2, 3)) for b in spec.bodies
        ]
        self.rate = spec.frame_rate

    def position(self, name: str) -> Float[np.ndarray, "t 3"]:
        """Return positions, m."""
        return self.trajectory.position[:, self.index[name]]

    def velocity(self, name: str) -> Float[np.ndarray, "t 3"]:
        """Return velocities, m/s."""
        return self.trajectory.linear_velocity[:, self.index[name]]

    def spin(self, name: str) -> Float[np.ndarray, "t 3"]:
        """Return angular velocities, rad/s."""
        return self.trajectory.angular_velocity[:, self.index[name]]

    def half(self, name: str) -> Float[np.ndarray, "3"]:
        """Return half the box around a body at the start, m."""
        low, high = self.bounds[self.index[name]]
        return (high - low) / 2

    def size(self, name: str) -> float:
        """Return its narrowest side at the start, m."""
        return float(2 * self.half(name).min())

    def touches(self, first: str, second: str | None = None) -> Bool[np.ndarray, "t"]:
        """Return in which frame intervals a body pushes another, or any other."""
        contacts, a = self.trajectory.contacts, self.index[first]
        rows = (contacts.body_a == a) | (contacts.body_b == a)
        if second is not None:
            b = self.index[second]
            rows &= (contacts.body_a == b) | (contacts.body_b == b)
        found = np.zeros(self.trajectory.num_frames, dtype=bool)
        found[contacts.frame_index[rows & (contacts.impulse > 0)]] = True
        return found

    def tilt(self, name: str) -> Float[np.ndarray, "t"]:
        """Return the angle between a body's axis now and at the start, degrees."""
        turn = rotation_matrix(self.trajectory.orientation[:, self.index[name]])
        local = turn[0].T @ np.array([0.0, 0.0, 1.0])
        up = turn @ local
        return np.degrees(np.arccos(np.clip(up[:, 2], -1.0, 1.0)))

    def top(self, name: str) -> float:
        """Return the height of its top at the start, m."""
        index = self.index[name]
        return float(self.spec.bodies[index].position[2] + self.bounds[index][1, 2])

    def bottom(self, name: str) -> Float[np.ndarray, "t"]:
        """Return the height of a body's lowest point, as if it did not turn, m."""
        return self.position(name)[:, 2] - self.half(name)[2] if name in self.index else np.zeros(1)

    def first(self, flags: Bool[np.ndarray, "t"]) -> float | None:
        """Return the time of the first True, s."""
        where = np.flatnonzero(flags)
        return float(where[0] / self.rate) if len(where) else None


Check = Callable[[Film, Event], float | None]


def _any(thing: Thing, find: Callable[[str], float | None], share: float = 0.0) -> float | None:
    """Return when the first member does it (share 0), or when a share of them has done it."""
    times = sorted(time for time in map(find, thing.members) if time is not None)
    needed = max(1, int(np.ceil(share * thing.count)))
    return times[needed - 1] if len(times) >= needed else None


def _roll(film: Film, event: Event) -> float | None:
    def rolls(name: str) -> float | None:
        speed, turn = np.linalg.norm(film.velocity(name), axis=1), np.linalg.norm(film.spin(name), axis=1)
        radius = max(film.half(name)[2], 1e-3)
        rolling = (turn > 0.3) & film.touches(name) & (np.abs(turn * radius - speed) < 0.5 * speed + 0.05)
        way = np.cumsum(np.where(rolling, speed, 0.0)) / film.rate
        return film.first(way > 1.0 * radius)

    return _any(event.actor, rolls, 1.0)


def _slide(film: Film, event: Event) -> float | None:
    def slides(name: str) -> float | None:
        speed, turn = np.linalg.norm(film.velocity(name), axis=1), np.linalg.norm(film.spin(name), axis=1)
        carried = film.touches(name) | (np.abs(film.velocity(name)[:, 2]) < 0.02)
        sliding = carried & (turn * film.size(name) < 0.8 * speed + 0.02) & (film.tilt(name) < 30)
        way = np.cumsum(np.where(sliding, speed, 0.0)) / film.rate
        return film.first(way > 0.12)

    return _any(event.actor, slides, 1.0)


def _fall(film: Film, event: Event) -> float | None:
    def falls(name: str) -> float | None:
        height = film.position(name)[:, 2]
        down = np.maximum.accumulate(height) - height
        needed = max(0.12, 0.6 * film.size(name))
        if event.support is not None and event.support.members[-1] in film.index:
            level = film.top(event.support.members[-1])
            if event.support.noun != "ramp":
                return film.first((height < level) & (down > needed))
        steep = film.velocity(name)[:, 2] < -0.6
        return film.first((down > needed) & np.maximum.accumulate(steep))

    return _any(event.actor, falls, 1.0)


def _bounce(film: Film, event: Event) -> float | None:
    def bounces(name: str) -> float | None:
        velocity = film.velocity(name)
        hit = film.touches(name)[1:]
        up = (velocity[:-1, 2] < -0.3) & (velocity[1:, 2] > 0.15) & hit
        back = (velocity[:-1, 0] * velocity[1:, 0] < -0.02) & hit
        return film.first(np.concatenate([[False], up | back]))

    return _any(event.actor, bounces)


def _swing(film: Film, event: Event) -> float | None:
    def swings(name: str) -> float | None:
        turned = np.cumsum(np.linalg.norm(film.spin(name), axis=1)) / film.rate
        return film.first(turned > np.radians(25))

    return _any(event.actor, swings)


def _spin(film: Film, event: Event) -> float | None:
    def spins(name: str) -> float | None:
        turned = np.abs(np.cumsum(film.spin(name)[:, 2])) / film.rate
        return film.first(turned > np.pi)

    return _any(event.actor, spins)


def _throw(film: Film, event: Event) -> float | None:
    def flies(name: str) -> float | None:
        air = film.trajectory.airborne()[:, film.index[name]] & (np.linalg.norm(film.velocity(name), axis=1) > 0.5)
        return film.first(np.convolve(air, np.ones(2), mode="valid") >= 2)

    return _any(event.actor, flies)


def _hit(film: Film, event: Event) -> float | None:
    assert event.target is not None
    found: list[float] = []
    for name in event.actor.members:
        for other in event.target.members:
            if name == other or name not in film.index or other not in film.index:
                continue
            touch = film.touches(name, other)
            if event.actor is not event.target and touch[:2].any() and not _apart_before(film, name, other, touch):
                continue
            if (time := film.first(touch)) is not None:
                found.append(time)
    return min(found, default=None)


def _apart_before(film: Film, name: str, other: str, touch: np.ndarray) -> bool:
    """Whether two that touch at first part and meet again."""
    gaps = np.flatnonzero(~touch)
    return len(gaps) > 0 and bool(touch[gaps[0] :].any()) and not touch[1:3].all()


def _struck(film: Film, event: Event) -> tuple[float | None, list[str]]:
    assert event.target is not None
    return _hit(film, event), [name for name in event.target.members if name in film.index]


def _knock_over(film: Film, event: Event) -> float | None:
    time, _names = _struck(film, event)
    if time is None:
        return None
    assert event.target is not None
    start = int(time * film.rate)

    def over(name: str) -> float | None:
        fell = film.tilt(name) > 45
        if event.target is not None and (event.target.arrangement == "stack" or not _upright(film, name)):
            place = film.position(name)
            fell |= np.linalg.norm(place - place[0], axis=1) > 0.6 * film.size(name)
        place = film.position(name)[:, 2]
        fell |= place[0] - place > 1.0 * film.size(name)
        fell[:start] = False
        return film.first(fell)

    share = 0.5 if event.target.arrangement == "stack" else 0.8
    return _any(event.target, over, share)


def _upright(film: Film, name: str) -> bool:
    half = film.half(name)
    return bool(half[2] > 1.2 * half[0])


def _push(film: Film, event: Event) -> float | None:
    time, names = _struck(film, event)
    if time is None:
        return None
    moved = [film.first(np.linalg.norm((p := film.position(name)) - p[0], axis=1) > 0.05) for name in names]
    turned = [film.first(film.tilt(name) > 5) for name in names]
    return min((t for t in (*moved, *turned) if t is not None), default=None)


def _topple(film: Film, event: Event) -> float | None:
    return _any(event.actor, lambda name: film.first(film.tilt(name) > 45), 0.5)


def _rest(film: Film, event: Event) -> float | None:
    def rests(name: str) -> float | None:
        speed = np.linalg.norm(film.velocity(name), axis=1)
        turn = np.linalg.norm(film.spin(name), axis=1) * film.size(name) / 2
        still = (speed < 0.04) & (turn < 0.08)
        still[: min(5, len(still))] = False
        way = np.linalg.norm(film.position(name) - film.position(name)[0], axis=1)
        moved = np.maximum.accumulate((way > 0.05) | (turn > 0.1))
        calm = np.convolve(still & moved, np.ones(4), mode="valid") >= 4
        return film.first(calm)

    return _any(event.actor, rests, 1.0)


def _stay(film: Film, event: Event) -> float | None:
    def stays(name: str) -> float | None:
        place = film.position(name)
        frames = max(3, int(0.3 * film.rate))
        return 0.0 if np.linalg.norm(place[:frames] - place[0], axis=1).max() < 0.04 else None

    return _any(event.actor, stays, 1.0)


def _inside(film: Film, event: Event) -> float | None:
    assert event.target is not None
    cup = event.target.members[0]

    def inside(name: str) -> float | None:
        offset = film.position(name) - film.position(cup)
        near = np.abs(offset[:, :2]).max(axis=1) < film.half(cup)[0]
        return film.first(near & (offset[:, 2] < film.half(cup)[2] * 1.5) & film.touches(name, cup))

    return _any(event.actor, inside)


def _approach(film: Film, event: Event) -> float | None:
    assert event.target is not None
    other = event.target.members[0]

    def nearer(name: str) -> float | None:
        distance = np.linalg.norm(film.position(name) - film.position(other), axis=1)
        return film.first(distance < 0.8 * distance[0])

    return _any(event.actor, nearer)


def _passes(axis_side: int | None) -> Check:
    def check(film: Film, event: Event) -> float | None:
        assert event.target is not None
        there = [film.position(other)[0] for other in event.target.members if other in film.index]
        if not there:
            return None
        middle = np.mean(there, axis=0)
        depth = max(film.half(other)[1] for other in event.target.members)

        def passes(name: str) -> float | None:
            place = film.position(name)
            side = np.sign(place[:, 0] - middle[0])
            crossing = np.flatnonzero(side[1:] * side[0] < 0)
            if not len(crossing):
                return None
            frame = int(crossing[0]) + 1
            if axis_side is not None:
                offset = (place[frame, 1] - middle[1]) * axis_side
                if offset < 0.5 * depth:
                    return None
            return frame / film.rate

        return _any(event.actor, passes, 1.0)

    return check


def _pass_over(film: Film, event: Event) -> float | None:
    time = _passes(None)(film, event)
    if time is None:
        return None
    assert event.target is not None
    frame = int(time * film.rate)
    top = film.top(event.target.members[-1])
    clear = [name for name in event.actor.members if film.position(name)[frame, 2] > top]
    touched = any(film.touches(n, o).any() for n in event.actor.members for o in event.target.members)
    return time if clear and not touched else None


CHECKS: dict[str, Check] = {
    "roll": _roll,
    "slide": _slide,
    "fall": _fall,
    "bounce": _bounce,
    "swing": _swing,
    "spin": _spin,
    "throw": _throw,
    "hit": _hit,
    "knock_over": _knock_over,
    "push": _push,
    "topple": _topple,
    "rest": _rest,
    "stay": _stay,
    "inside": _inside,
    "approach": _approach,
    "pass_behind": _passes(1),
    "pass_in_front": _passes(-1),
    "pass_by": _passes(None),
    "pass_under": _passes(None),
    "pass_between": _passes(None),
    "pass_over": _pass_over,
}
"""Kind of an event → when it occurred, s; None where it did not."""


def verify(story: Story, spec: SceneSpec, trajectory: Trajectory) -> list[Finding]:
    """Look for every stated event."""
    film = Film(spec, trajectory)
    return [Finding(event, CHECKS[event.kind](film, event)) for event in story.events]


def lint(spec: SceneSpec, *, speed_limit: float = 0.5) -> list[str]:
    """Return what is physically wrong with a scene before it runs: bodies that could jump through each other.

    Args:
        spec: the scene; overlaps and support were refused when it was loaded
        speed_limit: largest way of a step, in widths of the narrowest body
    """
    found = []
    widths = {body.name: min_width(body.shape) for body in spec.bodies if body.is_instance}
    narrowest = min(widths.values(), default=1.0)
    for body in spec.bodies:
        step = float(np.linalg.norm(body.linear_velocity)) / spec.physics_rate
        if step > speed_limit * narrowest:
            found.append(
                f"{body.name} moves {step * 100:.1f} cm in a step of physics and could pass through the narrowest body "
                f"({narrowest * 100:.1f} cm); lower its speed or raise physics_rate"
            )
    return found
