"""Small fast things: sightings that lie on one course, where neither overlap, flow nor colour can link them.

A ball in flight moves by more than its own size from one picture to the next, is a few pixels large and blurred, so its
colour says little. Its places say more: four or more on one smooth course are hardly ever chance.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

_MOST = 48  # sightings of a picture that are looked at, the largest
_MIN_COUNT = 5  # sightings that make a course
_FURTHEST = 4.0  # picture widths per second
_SHORTEST = 0.7  # diameters from picture to picture; slower things are linked by overlap
_TURN = (0.6, 2.0)  # change of the velocity between the first three: share of the step, and pixels
_OFF = (0.2, 0.5, 1.5)  # distance from a course of constant acceleration: share of the step, diameters, pixels
_SIZES = 0.9  # logarithm of the ratio of two areas


@dataclass(frozen=True)
class Sightings:
    """What may be on a course, in the order of the frames. place: pixels; area: pixels."""

    frame: Int[np.ndarray, "n"]
    place: Float[np.ndarray, "n 2"]
    area: Float[np.ndarray, "n"]


def find_courses(found: Sightings, seconds: Float[np.ndarray, "t"], width: int) -> list[list[int]]:
    """Return the courses, each as indices of sightings, the longest first; none shares a sighting with another.

    A course begins with three sightings in consecutive frames whose velocity changes little and goes on while the next
    one lies where constant acceleration puts it; a frame may be missed, two end it.

    Units:
        seconds:  of each frame, s
        width:    of the picture, pixels
    """
    groups: dict[int, np.ndarray] = {}
    for frame in np.unique(found.frame):
        members = np.flatnonzero(found.frame == frame)
        groups[int(frame)] = members[np.argsort(-found.area[members])][:_MOST]
    courses: list[list[int]] = []
    begun: set[tuple[int, int]] = set()
    for frame in sorted(groups):
        if frame + 1 not in groups or frame + 2 not in groups:
            continue
        for triple in _seeds(found, [groups[frame + k] for k in range(3)], seconds[frame : frame + 3], width):
            if (triple[0], triple[1]) not in begun:
                course = _grown(found, groups, seconds, triple)
                begun |= set(pairwise(course))
                if len(course) >= _MIN_COUNT:
                    courses.append(course)
    kept: list[list[int]] = []
    used: set[int] = set()
    for course in sorted(courses, key=lambda one: -len(one)):
        if not used & set(course):
            kept.append(course)
            used |= set(course)
    return kept


def _seeds(found: Sightings, members: list[np.ndarray], seconds: np.ndarray, width: int) -> list[list[int]]:
    """Triples of sightings in consecutive frames that move alike, the smoothest first."""
    first, second, third = members
    a, b = np.meshgrid(first, second, indexing="ij")
    step = found.place[b] - found.place[a]
    length = np.linalg.norm(step, axis=-1)
    interval = float(seconds[1] - seconds[0])
    far = (length < _FURTHEST * width * interval) & (length > _SHORTEST * _diameter(found, b))
    pairs = np.argwhere(far & _alike(found, a, b))
    if not len(pairs):
        return []
    one, two = first[pairs[:, 0]], second[pairs[:, 1]]
    step = found.place[two] - found.place[one]
    wanted = found.place[two] + step * float(seconds[2] - seconds[1]) / interval
    off = np.linalg.norm(found.place[third][None] - wanted[:, None], axis=-1)
    length = np.linalg.norm(step, axis=-1)
    good = (off < (_TURN[0] * length + _TURN[1])[:, None]) & _alike(found, two[:, None], third[None])
    triples = np.argwhere(good)
    order = np.argsort([off[i, j] / length[i] for i, j in triples])
    return [[int(one[i]), int(two[i]), int(third[j])] for i, j in triples[order]]


def _alike(found: Sightings, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(np.log(found.area[a] / found.area[b])) < _SIZES


def _diameter(found: Sightings, index: np.ndarray | int) -> np.ndarray | float:
    return 2 * np.sqrt(found.area[index] / np.pi)


def _grown(found: Sightings, groups: dict[int, np.ndarray], seconds: np.ndarray, triple: list[int]) -> list[int]:
    """Go on from three sightings for as long as the next one is on the course."""
    course = list(triple)
    while True:
        last = int(found.frame[course[-1]])
        recent = course[-4:]
        time = seconds[found.frame[recent]] - seconds[last]
        curve = np.polyfit(time, found.place[recent], 2)
        for frame in (last + 1, last + 2):
            members = groups.get(frame)
            if members is None:
                continue
            ahead = float(seconds[frame] - seconds[last])
            wanted = np.array([ahead**2, ahead, 1.0]) @ curve
            step = float(np.linalg.norm(wanted - found.place[course[-1]]))
            reach = _OFF[0] * step + _OFF[1] * float(_diameter(found, course[-1])) + _OFF[2]
            off = np.linalg.norm(found.place[members] - wanted, axis=-1)
            off = np.where(_alike(found, np.array(course[-1]), members), off, np.inf)
            if off.min() < reach:
                course.append(int(members[off.argmin()]))
                break
        else:
            return course
