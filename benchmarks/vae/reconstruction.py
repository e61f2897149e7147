"""Reconstruction of held-out clips by a VAE: fidelity, flicker of still scenes, speed and memory."""

import multiprocessing
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from benchmarks.vae.equal_time import VideoCodec, build
from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset
from physics_data.core.workers import watch_parent
from physics_data.pipeline.generate import ClipTask, generate_clip
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.settings import SceneSettings
from worldsim.codec.reconstruct import FidelityMeter
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.data.footage.ingest import ingest
from worldsim.data.footage.ingest_config import IngestConfig
from worldsim.vae import VideoVAEConfig

_HELD_OUT_SEED = 7
_MOVED = 1.0
"""Pixels that the middle of an object must travel in a clip to count as moving."""


@dataclass(frozen=True)
class ClipSets:
    """What is trained on and what is measured on; ``real`` is empty without footage."""

    train: list[UInt8[np.ndarray, "t h w 3"]]
    physics: list[Clip]
    real: list[Clip]


def make_clips(num_train: int, num_physics: int, num_real: int, size: int, footage: Path | None) -> ClipSets:
    """Make physics clips, plain and textured, and cut real ones out of videos; some of the video files are held out.

    Held-out physics comes from another seed than training.

    Raises:
        DataError: the folder gives no clip of this size.
    """
    train = [_physics(number, 0, size).rgb for number in range(num_train)]
    physics = [_physics(number, _HELD_OUT_SEED, size) for number in range(num_physics)]
    if footage is None:
        return ClipSets(train, physics, [])
    shown, held = _real(footage, size)
    return ClipSets(train + [clip.rgb for clip in shown], physics, _spread(held, num_real))


def only_moving(instance_ids: UInt8[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "t h w"]:
    """Return the ids of objects whose middle travels; all others become 0."""
    kept = instance_ids.copy()
    for number in np.unique(instance_ids[instance_ids > 0]):
        seen = [np.argwhere(frame == number).mean(axis=0) for frame in instance_ids if (frame == number).any()]
        if np.ptp(np.stack(seen), axis=0).max() < _MOVED:
            kept[instance_ids == number] = 0
    return kept


def _physics(number: int, seed: int, size: int) -> Clip:
    names = list(SCENARIOS)
    name = names[number * 7 % len(names)]
    engines = SCENARIOS.get(name).engines
    appearance = "varied" if number % 2 else "plain"
    settings = SceneSettings(layout="centred", num_frames=17, width=size, height=size, appearance=appearance)
    return generate_clip(ClipTask(name, engines[number % len(engines)], number), settings, seed, "raycast").clip


def _real(footage: Path, size: int) -> tuple[list[Clip], list[Clip]]:
    with tempfile.TemporaryDirectory() as scratch:
        config = IngestConfig(num_frames=17, height=size, width=size, test_fraction=0.4, max_windows_per_file=12)
        ingest([footage], Path(scratch) / "real", config, tables=[], workers=1)
        dataset = ShardDataset(Path(scratch) / "real")
        parts = [[dataset.load(i) for i in dataset.select(split=split)] for split in ("train", "test")]
    return parts[0], parts[1]


def _spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    places = np.unique(np.linspace(0, len(clips) - 1, min(count, len(clips))).astype(int)) if clips else []
    return [clips[place] for place in places]


@dataclass(frozen=True)
class Kept:
    """What is kept of some clips: one entry a clip, object figures only of clips with moving objects.

    Units:
        psnr, object_psnr:  dB
        flicker:            grey levels a frame, of the first frame held still
        displacement:       px, root mean square
        lost:               share of the frames of moving objects in which less than half of their contrast is left
    """

    psnr: list[float]
    ssim: list[float]
    flicker: list[float]
    object_psnr: list[float]
    displacement: list[float]
    lost: float


@torch.no_grad()
def there_and_back(vae: VideoCodec, rgb: np.ndarray) -> np.ndarray:
    """Return the reconstruction of one clip "t h w 3"."""
    return to_rgb(vae.decode(vae.encode(to_tensor(rgb[None])).mean))[0]


@torch.no_grad()
def flicker(vae: VideoCodec, picture: np.ndarray, num_frames: int = 17) -> float:
    """Return the mean change of a still picture from frame to frame, grey levels."""
    still = to_tensor(np.repeat(picture[None], num_frames, axis=0)[None])
    again = vae.decode(vae.encode(still).mean).clamp(-1, 1)
    return float((again[:, :, 1:] - again[:, :, :-1]).abs().mean() * 127.5)


def what_is_kept(vae: VideoCodec, clips: Sequence[Clip]) -> Kept:
    """Measure some clips."""
    kept = Kept([], [], [], [], [], 0.0)
    lost, frames = 0, 0
    for clip in clips:
        again = there_and_back(vae, clip.rgb)
        ids = None if clip.rendering is None else only_moving(clip.rendering.instance_ids)
        meter = FidelityMeter()
        for number, (original, made) in enumerate(zip(clip.rgb, again, strict=True)):
            meter.add(original, made, None if ids is None else ids[number])
        found = meter.result()
        kept.psnr.append(found.psnr)
        kept.ssim.append(found.ssim)
        kept.flicker.append(flicker(vae, clip.rgb[0]))
        kept.object_psnr.extend(one.psnr for one in found.objects)
        kept.displacement.extend(one.displacement for one in found.objects if one.displacement is not None)
        lost += sum(one.lost_frames for one in found.objects)
        frames += sum(one.num_frames for one in found.objects)
    return Kept(
        kept.psnr,
        kept.ssim,
        kept.flicker,
        kept.object_psnr,
        kept.displacement,
        lost / frames if frames else 0.0,
    )


def peak_memory(name: str, layout: VideoVAEConfig, shape: tuple[int, int, int]) -> float:
    """Return the memory that coding one video of (frames, height, width) there and back adds, MiB; Linux only."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, watch_parent) as pool:
        return pool.apply(_peak, (name, layout.model_dump(), shape))


@torch.no_grad()
def _peak(name: str, layout: dict[str, object], shape: tuple[int, int, int]) -> float:
    torch.set_num_threads(1)
    vae = build(name, VideoVAEConfig.model_validate(layout)).eval()
    vae.decode(vae.encode(torch.zeros(1, 3, 5, 16, 16)).mean)  # pyright: ignore[reportCallIssue]
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory so far is forgotten, imports included
    before = _highest_memory()
    vae.decode(vae.encode(torch.zeros(1, 3, *shape)).mean)  # pyright: ignore[reportCallIssue]
    return _highest_memory() - before


def _highest_memory() -> float:
    """Return the highest resident memory of this process, MiB. Linux keeps it; ``getrusage`` would add the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
