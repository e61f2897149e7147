"""Clips as tensors."""

import dataclasses

import numpy as np
import pytest
import torch

from physics_data.core.errors import DataError
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from tests.worldsim.tiny_clips import footage_clip, physics_clip
from worldsim.data.augmentation import Augment
from worldsim.data.collate import Crop, collate, to_rgb, to_tensor
from worldsim.data.sources import PixelClip


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_bytes_survive_the_way_through_tensors() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=-1)
    tensor = to_tensor(levels)
    assert tensor.shape == (3, 1, 16, 16)
    assert (float(tensor.min()), float(tensor.max())) == (-1.0, 1.0)
    assert (to_rgb(tensor) == levels).all()


def test_labels_and_domains_of_a_mixed_batch(
    falling_ball: SceneSpec, closed_form_fall: Trajectory, rng: np.random.Generator
) -> None:
    clips = [PixelClip.of(physics_clip(0, falling_ball, closed_form_fall)), PixelClip.of(footage_clip(1))]
    batch = collate(clips, part=Crop(5, 16, 16), rng=rng)
    assert batch.video.shape == (2, 3, 5, 16, 16)
    assert batch.video.dtype == torch.float32
    assert batch.domain.tolist() == [1, 2]
    assert batch.frame_rate.tolist() == [16.0, 16.0]
    assert batch.caption == ["a red ball falls", ""]
    assert batch.labelled.tolist() == [True, False]
    assert batch.instance_ids is not None
    assert batch.instance_ids[0].any() and not batch.instance_ids[1].any()


def test_footage_alone_has_no_ids(rng: np.random.Generator) -> None:
    assert collate([PixelClip.of(footage_clip(1))], part=Crop(5, 16, 16), rng=rng).instance_ids is None


def test_stretches_are_contiguous_and_cover_the_clip(rng: np.random.Generator) -> None:
    clip = PixelClip.of(footage_clip(0, num_frames=9))
    starts = set()
    for _ in range(60):
        stretch = to_rgb(collate([clip], part=Crop(5, 16, 16), rng=rng).video)[0]
        matching = [start for start in range(5) if (clip.rgb[start : start + 5] == stretch).all()]
        assert len(matching) == 1
        starts.add(matching[0])
    assert starts == set(range(5))


def test_mirroring_is_never_silent(rng: np.random.Generator) -> None:
    plain = PixelClip.of(footage_clip(0))
    assert (to_rgb(collate([plain], part=Crop(5, 16, 16), rng=rng).video)[0] == plain.rgb).all()
    mirrored = collate([plain], part=Crop(5, 16, 16), rng=rng, augment=Augment(mirror=1.0))
    assert (to_rgb(mirrored.video)[0] == plain.rgb[:, :, ::-1]).all()
    sided = PixelClip.of(footage_clip(0, caption="A ball comes from the left."))
    kept = collate([sided], part=Crop(5, 16, 16), rng=rng, augment=Augment(mirror=1.0))
    assert (to_rgb(kept.video)[0] == sided.rgb).all()


def test_absent_is_told_from_zero(
    falling_ball: SceneSpec, closed_form_fall: Trajectory, rng: np.random.Generator
) -> None:
    """A clip whose flow is zero everywhere has a flow; footage has none, though both arrays hold zeros."""
    labels = ("instance_ids", "depth_map", "optical_flow", "amodal_masks")
    drawn = physics_clip(0, falling_ball, closed_form_fall)
    assert drawn.rendering is not None
    pairs = (4, 16, 16)
    still = dataclasses.replace(
        drawn.rendering, optical_flow=np.zeros((*pairs, 2), np.float32), optical_flow_seen=np.ones(pairs, bool)
    )
    clips = [
        PixelClip.of(dataclasses.replace(drawn, rendering=still), labels),
        PixelClip.of(drawn, labels),
        PixelClip.of(footage_clip(1), labels),
    ]
    batch = collate(clips, part=Crop(5, 16, 16), rng=rng)
    assert {label: there.tolist() for label, there in batch.present.items()} == {
        "instance_ids": [True, True, False],
        "depth_map": [True, True, False],
        "amodal_masks": [True, True, False],
        "optical_flow": [True, False, False],
    }
    assert not batch.labels["optical_flow"].any()
    assert batch.labels["optical_flow_seen"][0].all() and not batch.labels["optical_flow_seen"][1:].any()
    assert batch.has("tracks").tolist() == [False] * 3
    assert batch.labels["depth_map"][0].min() == 3.0


def test_clips_with_other_numbers_of_instances_share_a_batch(
    falling_ball: SceneSpec, closed_form_fall: Trajectory, rng: np.random.Generator
) -> None:
    drawn = PixelClip.of(physics_clip(0, falling_ball, closed_form_fall), ("amodal_masks",))
    more = np.ones((5, 3, 16, 16), dtype=bool)
    batch = collate([drawn, dataclasses.replace(drawn, labels={"amodal_masks": more})], part=Crop(3, 8, 8), rng=rng)
    masks = batch.labels["amodal_masks"]
    assert masks.shape == (2, 3, 3, 8, 8)
    assert not masks[0, :, 2].any() and masks[1].all()


def test_sizes_that_do_not_fit_are_refused(rng: np.random.Generator) -> None:
    small = PixelClip.of(footage_clip(0, size=16))
    with pytest.raises(DataError, match="5 frames of 16x16, the batch needs 5 of 24x16"):
        collate([small], part=Crop(5, 16, 24), rng=rng)
    with pytest.raises(DataError, match="has 5 frames of 16x16, the batch needs 9"):
        collate([small], part=Crop(9, 16, 16), rng=rng)


def test_crops_cut_pixels_and_ids_alike_and_hold_an_instance(
    falling_ball: SceneSpec, closed_form_fall: Trajectory, rng: np.random.Generator
) -> None:
    clip = PixelClip.of(physics_clip(0, falling_ball, closed_form_fall))
    placed = collate([clip] * 40, part=Crop(3, 8, 8, centre_probability=1.0), rng=rng)
    assert placed.video.shape == (40, 3, 3, 8, 8)
    assert placed.instance_ids is not None and placed.instance_ids.shape == (40, 3, 8, 8)
    assert placed.instance_ids.flatten(1).any(dim=1).all()
    anywhere = collate([clip] * 40, part=Crop(3, 8, 8), rng=rng)
    assert anywhere.instance_ids is not None
    assert not anywhere.instance_ids.flatten(1).any(dim=1).all()
