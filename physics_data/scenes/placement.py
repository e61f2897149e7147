"""Where bodies of a scene file are: stated, or solved from relations to other bodies until they touch."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import world_bounds
from physics_data.core.scene import Body, Camera, Plane, SceneSpec
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.pipeline.clearance import gap

RELATIONS = ("on", "left_of", "right_of", "in_front_of", "behind")
"""Seen by a camera that looks along +y: left is -x, in front is -y."""

_SIDE: dict[str, tuple[int, int]] = {"left_of": (0, -1), "right_of": (0, 1), "in_front_of": (1, -1), "behind": (1, 1)}
_TOUCH = 1e-4
"""Bodies are placed this close, m; engines take it as contact, and nothing overlaps."""


def resting_on(body: Body, support: Body, offset: tuple[float, float], *, above: tuple[float, float]) -> Body:
    """Return the body lowered onto a support until they touch.

    The descent goes by the distance between the two surfaces (``clearance.gap``), which is never above the true one,
    so it cannot pass the contact; any pair of shapes can be stacked, sloped and round ones too.

    Units:
        offset:  m along x and y from ``above``
        above:   m, x and y of the point over which the body hangs at first

    Raises:
        SceneSpecError: the body would not touch the support there.
    """
    x, y = above[0] + offset[0], above[1] + offset[1]
    top = 0.0 if isinstance(support.shape, Plane) else float(world_bounds(support)[1, 2])
    here = body.model_copy(update={"position": (x, y, 0.0)})
    height = top - float(world_bounds(here)[0, 2]) + 0.05
    floor_level = -float("inf") if isinstance(support.shape, Plane) else float(world_bounds(support)[0, 2])
    for _ in range(200):
        moved = here.model_copy(update={"position": (x, y, height)})
        distance = distance_between(moved, support)
        if distance < 2 * _TOUCH:
            return moved
        height -= distance - _TOUCH
        if float(world_bounds(here)[1, 2]) + height < floor_level:
            break
    raise SceneSpecError(
        f"'{body.name}' at x={x:g}, y={y:g} m does not lie over '{support.name}'; choose an offset within its outline."
    )


def beside(body: Body, other: Body, relation: str, distance: float, offset: tuple[float, float]) -> Body:
    """Return the body moved so that its box is ``distance`` away from the other's; heights stay as they are.

    Units:
        distance:  m between the two boxes
        offset:    m along x and y, added at the end
    """
    axis, sign = _SIDE[relation]
    low, high = world_bounds(other)
    own_low, own_high = world_bounds(body) - np.array(body.position)
    place = (low + high) / 2
    place[axis] = high[axis] + distance - own_low[axis] if sign > 0 else low[axis] - distance - own_high[axis]
    x, y = float(place[0] + offset[0]), float(place[1] + offset[1])
    return body.model_copy(update={"position": (x, y, body.position[2])})


def distance_between(first: Body, second: Body) -> float:
    """Return the distance between the surfaces of two bodies, m; negative where they overlap."""
    view = Camera(position=(0.0, -5.0, 1.0), target=(0.0, 0.0, 1.0))
    names = {"name": "first"}, {"name": "second"}
    pair = tuple(body.model_copy(update=name) for body, name in zip((first, second), names, strict=True))
    spec = SceneSpec(scenario="pair", root_seed=0, index=0, num_frames=1, bodies=pair, camera=view)
    position = np.array([[body.position for body in pair]])
    orientation = np.array([[body.orientation for body in pair]])
    rest = np.zeros_like(position)
    return float(gap(spec, Trajectory(position, orientation, rest, rest, Contacts.none()), 0, 1)[0])


def overlaps(
    bodies: tuple[Body, ...], joined: set[frozenset[str]], tolerance: float = 1e-3
) -> list[tuple[str, str, float]]:
    """Return (name, name, depth in m) of the pairs that overlap at the start, where a force could push them apart.

    joined names pairs that a joint holds together, which may overlap.
    """
    found: list[tuple[str, str, float]] = []
    for number, first in enumerate(bodies):
        for second in bodies[number + 1 :]:
            if not (first.is_dynamic or second.is_dynamic) or frozenset((first.name, second.name)) in joined:
                continue
            if not isinstance(first.shape, Plane) and not isinstance(second.shape, Plane) and _apart(first, second):
                continue
            depth = -distance_between(first, second)
            if depth > tolerance:
                found.append((first.name, second.name, depth))
    return found


def framing(bodies: tuple[Body, ...], fov_y: float, aspect: float) -> Camera:
    """Return a camera in front of the scene that shows all bodies with a margin.

    Units:
        fov_y:   vertical field of view, degrees
        aspect:  width / height
    """
    boxes = np.array([world_bounds(body) for body in bodies if not isinstance(body.shape, Plane)])
    low, high = (boxes[:, 0].min(0), boxes[:, 1].max(0)) if len(boxes) else (np.zeros(3), np.ones(3))
    low = np.minimum(low, [np.inf, np.inf, 0.0])  # the floor below what falls
    middle, reach = (low + high) / 2, (high - low) / 2
    half = np.tan(np.radians(fov_y) / 2)
    distance = 1.4 * max(reach[2] / half, reach[0] / (half * aspect), 0.5) + reach[1]
    position = (float(middle[0]), float(middle[1] - distance), float(middle[2] + 0.15 * distance))
    return Camera(position=position, target=_vector(middle), fov_y=fov_y)


def _apart(first: Body, second: Body) -> bool:
    (low_a, high_a), (low_b, high_b) = world_bounds(first), world_bounds(second)
    return bool((low_a > high_b).any() or (low_b > high_a).any())


def turned(rotation: tuple[float, float, float]) -> tuple[float, float, float, float]:
    """Return the quaternion wxyz of turns about the world's x, then y, then z axis, degrees."""
    x, y, z, w = Rotation.from_euler("xyz", rotation, degrees=True).as_quat()
    return float(w), float(x), float(y), float(z)


def _vector(values: Float[np.ndarray, "3"]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
