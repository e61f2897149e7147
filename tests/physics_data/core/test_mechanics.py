import itertools

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import rotation_matrix
from physics_data.core.mechanics import (
    body_angular_momentum,
    body_kinetic_energy,
    body_momentum,
    body_potential_energy,
    centre_of_mass,
    centred,
    centred_mesh,
    colliding_pairs,
    inertia_tensor,
    kinetic_energy,
    momentum,
    potential_energy,
    principal_axes,
    solid_inertia,
    volume,
)
from physics_data.core.scene import (
    BallJoint,
    Box,
    Capsule,
    Compound,
    Cylinder,
    Ellipsoid,
    Hinge,
    Mesh,
    Part,
    Plane,
    Sphere,
)

TURNED = (np.cos(0.4), np.sin(0.4) * 0.6, 0.0, np.sin(0.4) * 0.8)
ELL = Compound(
    parts=(
        Part(shape=Box(half_extents=(0.3, 0.1, 0.2)), position=(0.2, 0.0, 0.1), orientation=TURNED),
        Part(shape=Sphere(radius=0.2), position=(-0.5, -0.4, -0.3)),
        Part(shape=Cylinder(radius=0.1, half_height=0.3), position=(0.0, 0.6, -0.2), orientation=TURNED),
    )
)


def inside(shape, points):
    """Return which points lie in a solid, from its definition."""
    x, y, z = points.T
    match shape:
        case Sphere(radius=r):
            return x**2 + y**2 + z**2 < r**2
        case Box(half_extents=half):
            return (np.abs(points) < half).all(axis=1)
        case Cylinder(radius=r, half_height=h):
            return (x**2 + y**2 < r**2) & (np.abs(z) < h)
        case Capsule(radius=r, half_height=h):
            return x**2 + y**2 + np.maximum(np.abs(z) - h, 0) ** 2 < r**2
        case Ellipsoid(half_axes=half):
            return ((points / half) ** 2).sum(axis=1) < 1
        case Compound(parts=parts):
            found = [inside(p.shape, (points - p.position) @ rotation_matrix(np.array(p.orientation))) for p in parts]
            return np.any(found, axis=0)
        case Mesh(vertices=vertices):
            hull = ConvexHull(np.array(vertices))
            return (points @ hull.equations[:, :3].T + hull.equations[:, 3] < 0).all(axis=1)


def mesh(seed=0):
    """The hull of a cloud of points, with its corners counter-clockwise."""
    cloud = np.random.default_rng(seed).normal(size=(40, 3)) * (0.4, 0.25, 0.15)
    hull = ConvexHull(cloud)
    outward = np.cross(*(np.diff(cloud[hull.simplices], axis=1).swapaxes(0, 1)))
    flip = np.einsum("fc,fc->f", outward, hull.equations[:, :3]) < 0
    triangles = np.where(flip[:, None], hull.simplices[:, ::-1], hull.simplices)
    return cloud, triangles


SOLIDS = [
    Sphere(radius=0.9),
    Cylinder(radius=0.8, half_height=0.6),
    Box(half_extents=(0.9, 0.5, 0.25)),
    Capsule(radius=0.4, half_height=0.5),
    Ellipsoid(half_axes=(0.9, 0.5, 0.3)),
    ELL,
    Mesh(vertices=tuple(map(tuple, mesh()[0].tolist())), triangles=tuple(map(tuple, mesh()[1].tolist()))),
]


@pytest.mark.parametrize("shape", SOLIDS, ids=[shape.kind for shape in SOLIDS])
def test_volume_centre_and_inertia_of_each_solid_by_monte_carlo(falling_ball, shape):
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, size=(600_000, 3))
    points = points[inside(shape, points)]
    assert volume(shape) == pytest.approx(8 * len(points) / 600_000, rel=0.03)
    np.testing.assert_allclose(centre_of_mass(shape), points.mean(axis=0), atol=0.01)
    body = falling_ball.bodies[2].model_copy(update={"shape": shape, "mass": 3.0})
    away = points - points.mean(axis=0)
    expected = 3.0 * ((away**2).sum(axis=1).mean() * np.eye(3) - away.T @ away / len(away))
    tensor = inertia_tensor(body)
    np.testing.assert_allclose(tensor, expected, atol=0.02 * expected.max())
    axes = principal_axes(body)
    np.testing.assert_allclose(axes @ np.diag(solid_inertia(body)) @ axes.T, tensor, atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)


def test_a_box_is_the_same_as_parts_and_as_a_mesh(falling_ball):
    ball, half = falling_ball.bodies[2], np.array((0.3, 0.2, 0.1))
    halves = Part(shape=Box(half_extents=(0.15, 0.2, 0.1)), position=(0.15, 0.0, 0.0))
    other = halves.model_copy(update={"position": (-0.15, 0.0, 0.0)})
    corners = np.array(list(itertools.product((-1, 1), repeat=3))) * half
    hull = ConvexHull(corners)
    outward = np.cross(*(np.diff(corners[hull.simplices], axis=1).swapaxes(0, 1)))
    flip = np.einsum("fc,fc->f", outward, hull.equations[:, :3]) < 0
    solid = centred_mesh(corners + 7.0, np.where(flip[:, None], hull.simplices[:, ::-1], hull.simplices))
    expected = np.diag(solid_inertia(ball.model_copy(update={"shape": Box(half_extents=tuple(half.tolist()))})))
    for shape in (Compound(parts=(halves, other)), solid):
        np.testing.assert_allclose(inertia_tensor(ball.model_copy(update={"shape": shape})), expected, atol=1e-12)


def test_centred_parts_have_their_centre_at_the_origin_and_keep_their_places():
    moved = centred(ELL.parts)
    np.testing.assert_allclose(centre_of_mass(moved), 0.0, atol=1e-15)
    offset = centre_of_mass(ELL)
    for before, after in zip(ELL.parts, moved.parts, strict=True):
        np.testing.assert_allclose(np.add(after.position, offset), before.position, atol=1e-15)


def test_a_mesh_inside_out_is_refused():
    cloud, triangles = mesh()
    with pytest.raises(SceneSpecError, match=r"the mesh encloses -.*counter-clockwise seen from outside"):
        centred_mesh(cloud, triangles[:, ::-1])


def test_a_plane_has_no_inertia(falling_ball):
    with pytest.raises(SceneSpecError, match="'floor' is a plane.*ask for a solid"):
        solid_inertia(falling_ball.bodies[0])
    with pytest.raises(SceneSpecError, match="no finite volume"):
        volume(Plane())


def test_pairs_on_a_joint_do_not_collide(falling_ball):
    ball = falling_ball.bodies[2]
    second = ball.model_copy(update={"name": "second"})
    spec = falling_ball.model_copy(update={"bodies": (*falling_ball.bodies, second)})
    assert colliding_pairs(spec) == [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    joints = (
        Hinge(body="second", parent="ball", anchor=(0, 0, 1), axis=(0, 0, 1)),
        BallJoint(body="ball", parent="screen", anchor=(0, 0, 1)),
        BallJoint(body="second", anchor=(0, 0, 1)),
    )
    assert colliding_pairs(spec.model_copy(update={"joints": joints})) == [(0, 2), (0, 3), (1, 3)]


def test_quantities_of_each_body_add_up_and_are_zero_for_those_that_forces_do_not_move(falling_ball, closed_form_fall):
    closed_form_fall.angular_velocity[:, 2] = (0.0, 2.0, 1.0)
    whole = {body_momentum: momentum, body_kinetic_energy: kinetic_energy, body_potential_energy: potential_energy}
    for each, total in whole.items():
        values = each(falling_ball, closed_form_fall)
        np.testing.assert_array_equal(values[:, :2], 0.0)
        np.testing.assert_array_equal(values.sum(axis=1), total(falling_ball, closed_form_fall))
    spin = body_angular_momentum(falling_ball, closed_form_fall)
    np.testing.assert_allclose(spin[:, 2], [np.multiply((0.0, 2.0, 1.0), 0.4 * 0.09)] * 17, rtol=1e-12)


def test_energy_of_a_fall_is_constant_and_momentum_grows_with_gravity(falling_ball, closed_form_fall):
    flying = slice(0, 8)
    total = kinetic_energy(falling_ball, closed_form_fall) + potential_energy(falling_ball, closed_form_fall)
    np.testing.assert_allclose(total[flying], 9.81 * 2.0, rtol=1e-12)
    expected = -9.81 * np.array(falling_ball.seconds)
    np.testing.assert_allclose(momentum(falling_ball, closed_form_fall)[flying, 2], expected[flying], rtol=1e-12)


def test_spin_energy_uses_the_bodys_own_axes(falling_ball, closed_form_fall):
    """A box turned by 90 degrees about x spins about the world's y with the inertia of its own z."""
    box = falling_ball.bodies[2].model_copy(update={"shape": Box(half_extents=(0.1, 0.2, 0.3))})
    spec = falling_ball.model_copy(update={"bodies": (*falling_ball.bodies[:2], box)})
    closed_form_fall.linear_velocity[:] = 0
    closed_form_fall.orientation[:, 2] = (np.sqrt(0.5), np.sqrt(0.5), 0, 0)
    closed_form_fall.angular_velocity[:, 2] = (0, 2.0, 0)
    np.testing.assert_allclose(kinetic_energy(spec, closed_form_fall), 0.5 * solid_inertia(box)[2] * 4.0, rtol=1e-12)
