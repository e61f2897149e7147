"""The upsampler that comes with the package: sharper than bicubic on unseen scenes, and nothing moves."""

import numpy as np
import torch
from torch.nn import functional as F

from physics_data.simulation import simulate
from worldsim.data.collate import to_tensor
from worldsim.model.upsampler import interpolated
from worldsim.weights import BUILTIN_FOLDER, load_upsampler


@torch.no_grad()
def test_unseen_scenes_are_sharper_than_bicubic_and_keep_their_means() -> None:
    model = load_upsampler(BUILTIN_FOLDER / "upsampler")
    for scenario in ("collide", "free_drop"):
        small, large = (
            simulate(scenario, seed=91, num_frames=33, frame_rate=16, width=side, height=side) for side in (64, 128)
        )
        video, truth = to_tensor(small.rgb[None, 10:14]), to_tensor(large.rgb[None, 10:14])
        made = model(video)
        inside = torch.from_numpy(np.asarray(large.instance_ids)[10:14] > 0)
        bicubic = interpolated(video[0].transpose(0, 1)).transpose(0, 1)[None]
        ours, plain = ((one - truth).square().mean(1)[0][inside].mean() for one in (made, bicubic))
        assert ours < 0.7 * plain
        torch.testing.assert_close(F.avg_pool3d(made, (1, 2, 2)), video, atol=1e-5, rtol=0)
