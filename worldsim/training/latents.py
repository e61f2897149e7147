"""Clips as latents and labels on their grid: made once, kept on disk beside the run that uses them."""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from physics_data.core.atomic import atomic_path
from physics_data.core.program import messages
from worldsim.data.collate import to_tensor
from worldsim.data.latent_labels import ClipLabels, latent_labels
from worldsim.data.sources import ClipSource, PixelClip
from worldsim.vae import VideoVAE

_CLIPS_AT_ONCE = 8


@torch.no_grad()
def encode_clips(
    vae: VideoVAE, clips: Sequence[PixelClip], num_frames: int | None, device: torch.device
) -> Float[torch.Tensor, "b cz tz hz wz"]:
    """Return the raw mean latents of the first ``num_frames`` frames of each clip."""
    video = to_tensor(np.stack([clip.rgb[:num_frames] for clip in clips]))
    return vae.encode(video.to(device)).mode().float()


def encode_source(
    vae: VideoVAE,
    source: ClipSource,
    positions: Sequence[int],
    num_frames: int | None,
    device: torch.device,
    on_clip: Callable[[int], None] = lambda count: None,
) -> list[Float[torch.Tensor, "cz _tz _hz _wz"]]:
    """Return the raw mean latents of some clips of a source, in their order, on the CPU.

    ``num_frames`` None takes whole clips, which may then differ in size and length.
    """
    latents: list[torch.Tensor] = []
    for alike in _runs_of_one_shape(source, positions):
        clips = [source.load(position) for position in alike]
        latents += encode_clips(vae, clips, num_frames, device).cpu().unbind()
        on_clip(len(clips))
    return latents


def _runs_of_one_shape(source: ClipSource, positions: Sequence[int]) -> Iterator[list[int]]:
    """Yield neighbouring positions whose clips have one shape, a few at a time."""
    shapes = source.shapes

    def shape(position: int) -> tuple[int, int, int]:
        return shapes[position].num_frames, shapes[position].height, shapes[position].width

    for _, run in itertools.groupby(positions, key=shape):
        alike = list(run)
        yield from (alike[start : start + _CLIPS_AT_ONCE] for start in range(0, len(alike), _CLIPS_AT_ONCE))


def channel_statistics(
    latents: Float[torch.Tensor, "n cz tz hz wz"],
) -> tuple[Float[torch.Tensor, "cz"], Float[torch.Tensor, "cz"]]:
    """Return mean and standard deviation of each channel, over clips, moments and places."""
    values = latents.double().movedim(1, 0).flatten(1)
    return values.mean(dim=1).float(), values.std(dim=1, correction=0).float()


def cached(
    path: Path,
    identity: str,
    make: Callable[[], list[Float[torch.Tensor, "cz _tz _hz _wz"]]],
    elsewhere: Path | None = None,
) -> list[Float[torch.Tensor, "cz _tz _hz _wz"]]:
    """Return the stored latents if they are of this identity (clips and VAE); otherwise make and store them.

    ``elsewhere`` is the cache of another run, which is read where ``path`` has nothing that fits.
    """
    for place in [path, *([elsewhere] if elsewhere is not None else [])]:
        found = read_cache(place, {"identity": identity})
        if found is not None:
            shapes = found[0]["shapes"].tolist()
            parts = found[0]["latents"].split([math.prod(shape) for shape in shapes])
            return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
    latents = make()
    stored = {
        "latents": torch.cat([one.flatten() for one in latents]),
        "shapes": torch.tensor([one.shape for one in latents]),
    }
    write_cache(path, stored, {"identity": identity})
    return latents


def read_cache(path: Path, facts: Mapping[str, str]) -> tuple[dict[str, torch.Tensor], dict[str, str]] | None:
    """Return the tensors and metadata of a cache that ``write_cache`` wrote with these facts.

    None where there is no file, or one of other facts. A damaged one is said, and counts as none.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if any(metadata.get(name) != value for name, value in facts.items()):
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        messages.print(f"{path} is damaged ({error}) and is made again.", markup=False)
        return None
    if metadata.get("sha256") != _digest(tensors):
        messages.print(f"{path} is damaged or of an earlier version (its checksum differs): it is made again.")
        return None
    return tensors, metadata


def write_cache(path: Path, tensors: dict[str, torch.Tensor], facts: Mapping[str, str]) -> None:
    """Write tensors with facts and a checksum, atomically."""
    with atomic_path(path) as partial:
        try:
            save_file(tensors, str(partial), metadata={**facts, "sha256": _digest(tensors)})
        except SafetensorError as error:  # the library's word for a full disk
            raise OSError(None, str(error)) from error


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


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
