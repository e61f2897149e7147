"""Labels on the latent grids of families, in numbers that can be counted by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from tests.worldsim.tiny_clips import physics_clip
from worldsim.data.latent_labels import stack_latent_labels
from worldsim.data.sources import PixelClip
from worldsim.losses.denoising import instance_weight
from worldsim.training.family_config import contact_frames, labels_on_grid


def test_masks_are_pooled_to_the_familys_grid(
    opened: Callable[[str], Any], falling_ball: SceneSpec, closed_form_fall: Trajectory
) -> None:
    """The object fills the upper left 4 x 4 pixels: a quarter of one 8 px position, a sixteenth of one of 16 px."""
    for name, frames, share, shape in (
        ("wan21_t2v", 9, 0.25, (3, 4, 4)),
        ("wan22_ti2v", 9, 1 / 16, (3, 2, 2)),
        ("ltx", 9, 1 / 64, (2, 1, 1)),
        ("cogvideox15", 9, 0.25, (4, 4, 4)),  # the first latent frame is doubled
    ):
        clip = physics_clip(0, falling_ball, closed_form_fall, frames, 32)
        assert clip.rendering is not None and clip.rendering.instance_ids is not None
        ids = np.zeros_like(clip.rendering.instance_ids)
        ids[:, :4, :4] = 1
        pixels = PixelClip(clip.meta, clip.rgb, {"instance_ids": ids})
        labels = labels_on_grid(opened(name), pixels, ("masks",))
        assert labels["seen_share"].shape == (1, *shape)
        assert np.allclose(labels["seen_share"][0, :, 0, 0], share)
        weight = instance_weight(stack_latent_labels([labels]), 2.0)
        assert weight is not None
        assert torch.isclose(weight.mean(), torch.tensor(1.0))
        if weight[0, 0].numel() > 1:
            assert torch.allclose(weight[0, :, 0, 0] / weight[0, :, -1, -1], torch.tensor(1 + 2 * share))


def test_frames_beside_the_beginning_of_a_touch_count() -> None:
    touching = np.zeros((2, 17), dtype=bool)
    touching[1, 9:] = True  # begins in video frame 9, which is in latent frame 3 of frames 9 to 12; then it rests
    near = contact_frames({"touching": touching}, 4, 5, 0)
    assert near.tolist() == [False, False, True, True, True]
    assert contact_frames({"touching": touching}, 4, 6, 1).tolist() == [False, False, False, True, True, True]
    assert not contact_frames({"touching": np.ones((1, 17), dtype=bool)}, 4, 5, 0).any()
    assert contact_frames({}, 4, 5, 0) is None
