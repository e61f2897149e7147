"""Clips as latents: encoded once, kept on disk beside the run that uses them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file

from physics_data.core.atomic import atomic_path
from worldsim.data.collate import to_tensor
from worldsim.data.sources import PixelClip, ShardSource
from worldsim.vae import VideoVAE

_CLIPS_AT_ONCE = 8


@torch.no_grad()
def encode_clips(
    vae: VideoVAE, clips: Sequence[PixelClip], num_frames: int, device: torch.device
) -> Float[torch.Tensor, "b cz tz hz wz"]:
    """Return the raw mean latents of the first ``num_frames`` frames of each clip."""
    video = to_tensor(np.stack([clip.rgb[:num_frames] for clip in clips]))
    return vae.encode(video.to(device)).mode().float()


def encode_source(
    vae: VideoVAE,
    source: ShardSource,
    positions: Sequence[int],
    num_frames: int,
    device: torch.device,
    on_clip: Callable[[int], None] = lambda count: None,
) -> Float[torch.Tensor, "n cz tz hz wz"]:
    """Return the raw mean latents of some clips of a source, in their order, on the CPU."""
    parts = []
    for start in range(0, len(positions), _CLIPS_AT_ONCE):
        clips = [source.load(position) for position in positions[start : start + _CLIPS_AT_ONCE]]
        parts.append(encode_clips(vae, clips, num_frames, device).cpu())
        on_clip(len(clips))
    return torch.cat(parts)


def channel_statistics(
    latents: Float[torch.Tensor, "n cz tz hz wz"],
) -> tuple[Float[torch.Tensor, "cz"], Float[torch.Tensor, "cz"]]:
    """Return mean and standard deviation of each channel, over clips, moments and places."""
    values = latents.double().movedim(1, 0).flatten(1)
    return values.mean(dim=1).float(), values.std(dim=1, correction=0).float()


def cached(
    path: Path, identity: str, make: Callable[[], Float[torch.Tensor, "n cz tz hz wz"]]
) -> Float[torch.Tensor, "n cz tz hz wz"]:
    """Return the stored latents if they are of this identity (clips and VAE); otherwise make and store them."""
    if path.is_file():
        with safe_open(str(path), framework="pt") as file:
            if (file.metadata() or {}).get("identity") == identity:
                return file.get_tensor("latents")
    latents = make().contiguous()
    with atomic_path(path) as partial:
        save_file({"latents": latents}, str(partial), metadata={"identity": identity})
    return latents
