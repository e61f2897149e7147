import math

import numpy as np
import pytest

from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import rotation_matrix, shape_box
from physics_data.core.scene import Box, Capsule, Compound, Cylinder, Ellipsoid, Mesh, Part, Plane, Sphere
from physics_data.labels.boxes import mask_boxes, oriented_boxes

QUARTER = (math.sqrt(0.5), 0.0, math.sqrt(0.5), 0.0)  # 90 degrees about y: z becomes x


def test_boxes_of_masks_end_at_pixel_edges_and_are_absent_for_empty_masks():
    masks = np.zeros((2, 2, 5, 7), dtype=bool)
    masks[0, 0, 1:3, 2:6] = True
    masks[1, 1, 4, 0] = True
    boxes = mask_boxes(masks)
    np.testing.assert_array_equal(boxes[0, 0], [2, 1, 6, 3])
    np.testing.assert_array_equal(boxes[1, 1], [0, 4, 1, 5])
    assert np.isnan(boxes[0, 1]).all() and np.isnan(boxes[1, 0]).all()


def surface(shape, rng) -> np.ndarray:
    """Points of a solid's surface, by pushing random points out along random directions until they leave it."""
    directions = rng.normal(size=(4000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    match shape:
        case Sphere(radius=radius):
            return radius * directions
        case Ellipsoid(half_axes=half):
            return np.array(half) * directions
        case Capsule(radius=radius, half_height=half):
            return radius * directions + np.outer(np.sign(directions[:, 2]), (0, 0, half))
        case Cylinder(radius=radius, half_height=half):
            ring = directions[:, :2] / np.linalg.norm(directions[:, :2], axis=1, keepdims=True)
            return np.column_stack([radius * ring, half * np.sign(directions[:, 2])])
        case Box(half_extents=half):
            return np.array(half) * np.sign(directions)
        case _:
            raise ValueError(shape)


PRIMITIVES = [
    Sphere(radius=0.3),
    Box(half_extents=(0.1, 0.2, 0.3)),
    Cylinder(radius=0.2, half_height=0.4),
    Capsule(radius=0.2, half_height=0.4),
    Ellipsoid(half_axes=(0.1, 0.2, 0.3)),
]


@pytest.mark.parametrize("shape", PRIMITIVES, ids=lambda shape: shape.kind)
def test_each_solid_touches_all_sides_of_its_box_and_stays_inside(shape):
    points = surface(shape, np.random.default_rng(0))
    center, half = shape_box(shape)
    np.testing.assert_array_equal(center, 0)
    np.testing.assert_allclose(np.abs(points).max(axis=0), half, rtol=0.02)
    assert (np.abs(points) <= half + 1e-12).all()
    turned = Part(shape=shape, position=(1.0, 2.0, 3.0), orientation=(0.5, 0.5, 0.5, -0.5))
    tilted = turned.model_copy(update={"orientation": (math.cos(0.4), math.sin(0.4), 0.0, 0.0)})
    for part in (turned, tilted):
        moved = points @ rotation_matrix(np.array(part.orientation)).T + part.position
        center, half = shape_box(Compound(parts=(part,)))
        np.testing.assert_allclose(np.abs(moved - center).max(axis=0), half, rtol=0.02)
        assert (np.abs(moved - center) <= half + 1e-12).all()


def test_a_mesh_may_be_off_its_origin_and_a_plane_has_no_box():
    corners = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 3.0))
    mesh = Mesh(vertices=corners, triangles=((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)))
    center, half = shape_box(mesh)
    np.testing.assert_array_equal(center, [0.5, 1.0, 1.5])
    np.testing.assert_array_equal(half, [0.5, 1.0, 1.5])
    with pytest.raises(SceneSpecError, match="a plane is unbounded"):
        shape_box(Plane())


def test_boxes_turn_and_move_with_their_bodies(falling_ball, closed_form_fall):
    closed_form_fall.orientation[4, 1] = QUARTER
    boxes = oriented_boxes(falling_ball, closed_form_fall)
    assert boxes.center.shape == (17, 2, 3), "the floor has none"
    corners = boxes.corners()[4, 0] - boxes.center[4, 0]
    np.testing.assert_allclose(np.abs(corners).max(axis=0), [0.5, 0.05, 0.4], atol=1e-12)
    edge = boxes.center[4, 0] + np.array([[0.0, 0.0, 0.4], [0.0, 0.0, 0.5], [0.0, 0.0, 0.1]])
    np.testing.assert_allclose(boxes.overhang(4, 0, edge), [0.0, 0.1, -0.05], atol=1e-12)
