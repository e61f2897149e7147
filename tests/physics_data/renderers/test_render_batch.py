"""Many clips in one launch against the same clips one by one."""

import numpy as np
import pytest
import torch
from random_scenes import FLOOR, at_rest, make_scene, random_scene, solid, tumbling

from physics_data.core.clip import Rendering, Stream
from physics_data.core.scene import Camera, SceneSpec, Sensor, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.launch import clip_bytes
from physics_data.renderers.raycast import RaycastRenderer

STREAMS: tuple[Stream, ...] = ("optical_flow", "backward_flow", "normal_map", "object_coordinates")
FIELDS = ("rgb", "instance_ids", "depth_map", "amodal_masks", "optical_flow_seen", "backward_flow_seen", *STREAMS)


def clips_of_many_sizes() -> list[tuple[SceneSpec, Trajectory]]:
    rng = np.random.default_rng(11)
    clips = []
    for frames, width, height in ((3, 48, 40), (1, 64, 24), (5, 20, 56), (2, 48, 40)):
        spec = random_scene(rng, frames=frames).model_copy(update={"width": width, "height": height})
        clips.append((spec, tumbling(spec, rng)))
    grainy = clips[0][0].model_copy(update={"sensor": Sensor(grain=3.0, shutter=0.5)})
    glass = solid("glass", Sphere(radius=0.4), (0, 0, 0.5))
    glass = glass.model_copy(update={"appearance": glass.appearance.model_copy(update={"transparency": 0.6})})
    rich = make_scene(FLOOR, glass, camera=Camera(position=(0, -3, 1), target=(0, 0, 0.4)), frames=2)
    return [*clips, (grainy, clips[0][1]), (rich, at_rest(rich))]


def assert_same(one: Rendering, other: Rendering) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("memory_budget", [1, 600_000, 2**30])
def test_a_batch_has_the_bytes_of_its_clips_one_by_one(num_threads: int, memory_budget: int) -> None:
    clips = clips_of_many_sizes()
    batch = list(RaycastRenderer(num_threads, memory_budget=memory_budget).render_batch(clips, STREAMS))
    assert len(batch) == len(clips)
    for (spec, trajectory), drawn in zip(clips, batch, strict=True):
        assert_same(drawn, RaycastRenderer().render(spec, trajectory, STREAMS))


def test_no_more_clips_are_drawn_together_than_fit_into_the_budget() -> None:
    spec = random_scene(np.random.default_rng(4), frames=2)
    taken = []

    def clips():
        for index in range(7):
            taken.append(index)
            yield spec, at_rest(spec)

    budget = 3 * clip_bytes(spec, STREAMS)
    batch = RaycastRenderer(memory_budget=budget).render_batch(clips(), STREAMS)
    next(batch)
    assert taken == [0, 1, 2, 3]  # the fourth was looked at and did not fit
    assert 1 + len(list(batch)) == 7


def test_the_stated_size_of_a_clip_is_what_its_arrays_take() -> None:
    spec = random_scene(np.random.default_rng(4), frames=3)
    rendering = RaycastRenderer().render(spec, at_rest(spec), STREAMS)
    keys = 4 * rendering.instance_ids.size
    taken = keys + sum(getattr(rendering, name).nbytes for name in FIELDS)
    stated = clip_bytes(spec, STREAMS)
    missing = 18 * spec.height * spec.width  # each flow has one frame less than the clip
    assert stated == taken + missing


def test_no_clips_are_no_renderings() -> None:
    assert list(RaycastRenderer().render_batch([])) == []


def test_torch_reads_every_array_where_it_lies() -> None:
    spec, trajectory = clips_of_many_sizes()[0]
    rendering = RaycastRenderer().render(spec, trajectory, STREAMS)
    for name in FIELDS:
        array = getattr(rendering, name)
        assert array.flags.c_contiguous, name
        assert torch.from_numpy(array).data_ptr() == array.ctypes.data, name
