"""Labels on the grid of latents: made once from the clips, kept on disk beside the latents."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from worldsim.data.latent_labels import ClipLabels, latent_labels
from worldsim.data.sources import ClipSource
from worldsim.training.latents import read_cache, write_cache
from worldsim.vae import VideoVAE

_VERSION = "worldsim.latent_labels/1"


def labels_of_source(
    vae: VideoVAE, source: ClipSource, groups: Sequence[str], on_clip: Callable[[int], None] = lambda count: None
) -> list[ClipLabels]:
    """Return the labels of all clips of a source, whole, in their order."""
    found: list[ClipLabels] = []
    for position in range(len(source)):
        found.append(latent_labels(source.load(position), *factors(vae), groups))
        on_clip(1)
    return found


def factors(vae: VideoVAE) -> tuple[int, int]:
    """Return how many video frames and pixels a latent frame and the side of a latent position stand for."""
    return vae.config.temporal_factor, vae.config.spatial_factor


def cached_labels(
    path: Path, identity: str, groups: Iterable[str], make: Callable[[], list[ClipLabels]]
) -> list[ClipLabels]:
    """Return the stored labels if they are of these clips, this grid (``identity``) and these groups.

    Otherwise make and store them. An array that only some clips have is stored for those alone.
    """
    facts = {"version": _VERSION, "identity": identity, "groups": ",".join(groups)}
    found = read_cache(path, facts)
    if found is not None:
        return _unpacked(found[0], json.loads(found[1]["shapes"]))
    clips = make()
    names = sorted({name for clip in clips for name in clip})
    flat = {name: np.concatenate([clip[name].ravel() for clip in clips if name in clip]) for name in names}
    shapes = [{name: array.shape for name, array in clip.items()} for clip in clips]
    tensors = {name: torch.from_numpy(array) for name, array in flat.items()}
    write_cache(path, tensors, {**facts, "shapes": json.dumps(shapes)})
    return clips


def _unpacked(flat: dict[str, torch.Tensor], shapes: list[dict[str, list[int]]]) -> list[ClipLabels]:
    clips: list[dict[str, np.ndarray]] = [{} for _ in shapes]
    for name, values in flat.items():
        having = [(clip, shape[name]) for clip, shape in zip(clips, shapes, strict=True) if name in shape]
        pieces = values.split([math.prod(shape) for _, shape in having])
        for (clip, shape), piece in zip(having, pieces, strict=True):
            clip[name] = piece.view(shape).numpy()
    return list(clips)
