"""Every renderer against MuJoCo's own ray casting, over random scenes."""

import numpy as np
import pytest
from random_scenes import random_scene, tumbling

from physics_data.core.errors import DataError, UnknownNameError
from physics_data.renderers import RENDERERS
from physics_data.renderers.reference import MujocoRayRenderer
from physics_data.renderers.renderer import Renderer


def inner_pixels(ids: np.ndarray) -> np.ndarray:
    """True where the 3 × 3 pixels around a pixel all have its id: off every silhouette."""
    padded = np.pad(ids, ((0, 0), (1, 1), (1, 1)), mode="edge")
    height, width = ids.shape[1:]
    around = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.all([neighbour == ids for neighbour in around], axis=0)


@pytest.mark.parametrize("name", sorted(set(RENDERERS) - {"mujoco_rays"}))
@pytest.mark.parametrize("seed", range(6))
def test_labels_agree_with_the_reference(name: str, seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    spec = random_scene(rng, frames=3, has_wall=seed % 2 == 1)
    trajectory = tumbling(spec, rng)
    reference = MujocoRayRenderer().render(spec, trajectory)
    rendering = RENDERERS.get(name)().render(spec, trajectory)

    inner = inner_pixels(rendering.instance_ids) & inner_pixels(reference.instance_ids)
    assert inner.mean() > 0.5
    np.testing.assert_array_equal(rendering.instance_ids[inner], reference.instance_ids[inner])
    finite = np.isfinite(reference.depth_map)
    np.testing.assert_array_equal(np.isfinite(rendering.depth_map)[inner], finite[inner])
    both = inner & finite
    np.testing.assert_allclose(rendering.depth_map[both], reference.depth_map[both], rtol=1e-4)
    for index in range(len(spec.instances)):
        expected = reference.amodal_masks[:, index]
        inside = inner_pixels(expected)
        np.testing.assert_array_equal(rendering.amodal_masks[:, index][inside], expected[inside])


@pytest.mark.parametrize("name", RENDERERS)
def test_every_renderer_keeps_the_contract(name: str) -> None:
    rng = np.random.default_rng(1)
    spec = random_scene(rng, frames=2)
    trajectory = tumbling(spec, rng)
    renderer = RENDERERS.get(name)()
    assert isinstance(renderer, Renderer)
    assert renderer.name == name
    rendering = renderer.render(spec, trajectory)
    assert rendering.rgb.shape == (2, spec.height, spec.width, 3) and rendering.rgb.dtype == np.uint8
    assert rendering.instance_ids.shape == (2, spec.height, spec.width) and rendering.instance_ids.dtype == np.uint8
    assert rendering.depth_map.shape == (2, spec.height, spec.width) and rendering.depth_map.dtype == np.float32
    assert rendering.amodal_masks.shape == (2, 6, spec.height, spec.width) and rendering.amodal_masks.dtype == bool
    assert (rendering.depth_map > 0).all()
    again = renderer.render(spec, trajectory)
    np.testing.assert_array_equal(again.rgb, rendering.rgb)
    with pytest.raises(DataError, match="the scene needs"):
        renderer.render(spec.without("body0"), trajectory)


def test_an_unknown_renderer_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'raycast'"):
        RENDERERS.get("raycaster")


def test_the_reference_refuses_a_plane_that_moves() -> None:
    rng = np.random.default_rng(2)
    spec = random_scene(rng)
    trajectory = tumbling(spec, rng)
    trajectory.position[1, 0, 2] = 0.5
    with pytest.raises(DataError, match="'floor' moves"):
        MujocoRayRenderer().render(spec, trajectory)
