"""What training of a public model reads of clips and captions: encoded once, a file each, read when needed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from physics_data.core.atomic import atomic_path
from physics_data.core.provenance import sha256_of
from worldsim.data.collate import to_tensor
from worldsim.data.latent_labels import ClipLabels, latent_labels
from worldsim.data.sources import PixelClip
from worldsim.families.diffusers_generator import DiffusersGenerator

Tensors = dict[str, torch.Tensor]

_ON_GRID = ("seen_share", "covered_share")
"""Labels with an axis of latent frames."""


@dataclass(frozen=True)
class TensorCache:
    """Named tensors by key, in a folder of files; each appears whole or not at all, so an interrupted run goes on."""

    folder: Path

    def has(self, key: str) -> bool:
        """Return whether something is stored for a key."""
        return self._path(key).is_file()

    def put(self, key: str, tensors: Mapping[str, torch.Tensor]) -> None:
        """Store tensors for a key."""
        with atomic_path(self._path(key)) as partial:
            save_file({name: one.detach().cpu().contiguous() for name, one in tensors.items()}, str(partial))

    def get(self, key: str, make: Callable[[], Mapping[str, torch.Tensor]] | None = None) -> Tensors:
        """Return what is stored for a key; a damaged file is made again by ``make``."""
        try:
            return load_file(str(self._path(key)))
        except (SafetensorError, OSError):
            if make is None:
                raise
            self.put(key, make())
            return load_file(str(self._path(key)))

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors"


def parts_digest(generator: DiffusersGenerator, *names: str) -> str:
    """Return 16 hex digits that two folders share exactly when these components are equal, byte for byte."""
    digests = [
        [path.relative_to(generator.folder.path).as_posix(), sha256_of(path)]
        for name in names
        if (generator.folder.path / name).is_dir()
        for path in sorted((generator.folder.path / name).rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:16]


@torch.no_grad()
def encoded_clip(generator: DiffusersGenerator, clip: PixelClip, groups: tuple[str, ...]) -> Tensors:
    """Return the latents of a clip, what the network reads of its first frame, and its labels on the latent grid.

    Names: "latents", "image.NAME", "label.NAME", without b.
    """
    video = to_tensor(clip.rgb[None]).to(generator.device)
    found = {"latents": generator.encode(video)[0]}
    if generator.max_given and not generator.keeps_clean:
        image, _ = generator.encode_given(video[:, :, :1], video.shape[2])
        found |= {f"image.{name}": one[0] for name, one in image.items()}
    for name, array in labels_on_grid(generator, clip, groups).items():
        found[f"label.{name}"] = torch.from_numpy(np.ascontiguousarray(array))
    return found


def labels_on_grid(generator: DiffusersGenerator, clip: PixelClip, groups: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the labels of a clip on the family's latent grid; latent frames that are added in front are copies."""
    if not groups:
        return {}
    found = latent_labels(clip, generator.temporal_stride, generator.spatial_stride, groups)
    added = generator.added_frames
    return {
        name: np.concatenate([np.repeat(one[:, :1], added, 1), one], 1) if added and name in _ON_GRID else one
        for name, one in found.items()
    }


def without_added(labels: ClipLabels, added: int) -> ClipLabels:
    """Return the labels without the latent frames that ``labels_on_grid`` adds in front."""
    return {name: one[:, added:] if name in _ON_GRID else one for name, one in labels.items()}


def labels_of(stored: Tensors) -> ClipLabels:
    """Return the labels among the tensors of a clip."""
    return {name.removeprefix("label."): one.numpy() for name, one in stored.items() if name.startswith("label.")}


def image_of(stored: Tensors) -> Tensors:
    """Return what the network reads of given frames among the tensors of a clip."""
    return {name.removeprefix("image."): one for name, one in stored.items() if name.startswith("image.")}


def contact_frames(labels: ClipLabels, stride: int, num_latent_frames: int, added: int) -> Any:
    """Return True for latent frames in which a touch begins, and those beside them; None if contacts are not known."""
    if "touching" not in labels:
        return None
    touching = np.asarray(labels["touching"], dtype=bool)
    begins = (touching[:, 1:] & ~touching[:, :-1]).any(0)
    frames = np.zeros(num_latent_frames, dtype=bool)
    for frame in np.flatnonzero(begins) + 1:
        at = added + -(-int(frame) // stride)
        frames[max(0, at - 1) : at + 2] = True
    return torch.from_numpy(frames)
