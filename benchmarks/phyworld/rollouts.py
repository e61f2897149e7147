"""A trained model on the published scenes: three frames are given, the others are its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from benchmarks.phyworld.pictures import as_drawn, as_seen
from benchmarks.suites.phyworld_world import GIVEN_FRAMES, NUM_FRAMES, BallScene, Kind, draw, evaluation_scenes
from physics_data.core.conventions import DOMAIN_REAL, step_seed
from physics_data.core.errors import DataError
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.diffusion import GuidanceConfig
from worldsim.sampling import Drawing
from worldsim.vae import VideoVAE
from worldsim.videos import SampleConfig, Sampler

Frames = UInt8[np.ndarray, "t n n 3"]


@dataclass(frozen=True)
class Continued:
    """A scene, and the frames of one continuation as the metric reads them: 32 of 256 x 256, row 0 is y = 0."""

    scene: BallScene
    frames: Frames


class Continuer:
    """A model that continues the published clips from what the protocol gives, three frames and nothing else."""

    def __init__(self, model: Path, num_steps: int = 4) -> None:
        """Load a model.

        Args:
            model: run or model folder
            num_steps: of the solver

        Raises:
            CheckpointError: no model there, or a damaged one.
            DataError: its VAE cannot take three frames, it makes fewer than 32, or its pictures are no squares.
        """
        drawing = Drawing(num_steps=num_steps, guidance=GuidanceConfig(weight=1.0))
        self._sampler = Sampler.load(model, SampleConfig(drawing=drawing, domain=DOMAIN_REAL))
        frames, height, width = self._sampler.geometry
        factor = self._sampler.model.vae.temporal_factor
        if (GIVEN_FRAMES - 1) % factor:
            raise DataError(
                f"the protocol gives {GIVEN_FRAMES} frames, the VAE of {model} takes {factor} k + 1: the next number "
                "of frames would show more than is given. Use a VAE with a temporal factor of 1 or 2."
            )
        if frames < NUM_FRAMES or height != width:
            raise DataError(
                f"{model} makes {frames} frames of {width}x{height}, needed are at least {NUM_FRAMES} square ones."
            )
        self.size = height

    def videos(self, scenes: Sequence[BallScene], seed: int, batch_size: int = 8) -> Iterator[Continued]:
        """Yield the continuation of each scene; its noise depends on the seed and the scene's number alone."""
        for first in range(0, len(scenes), batch_size):
            batch = scenes[first : first + batch_size]
            given = np.stack([as_seen(draw(scene, scene.positions[:GIVEN_FRAMES]), self.size) for scene in batch])
            seeds = [step_seed(seed, "phyworld", first + number) for number in range(len(batch))]
            made = self._sampler.draw([""] * len(batch), seeds, [DOMAIN_REAL] * len(batch), given)
            for scene, video in zip(batch, made, strict=True):
                yield Continued(scene, as_drawn(video[:NUM_FRAMES]))


@torch.no_grad()
def coded(vae: VideoVAE, scene: BallScene, size: int) -> Frames:
    """Return the true clip after a VAE, as the metric reads it.

    A VAE with a temporal factor takes k factor + 1 frames; the ball goes on for so many, and what is more than 32 is
    dropped after decoding.
    """
    factor = vae.temporal_factor
    num_frames = -(-(NUM_FRAMES - 1) // factor) * factor + 1
    positions = scene.moved(num_frames)
    video = to_tensor(as_seen(draw(scene, positions), size)[None])
    again = to_rgb(vae(video.to(next(vae.parameters()).device)))[0]
    return as_drawn(again[:NUM_FRAMES])


def chosen_scenes(kind: Kind, every: int, seed: int = 0) -> list[BallScene]:
    """Return one in ``every`` published scenes out of range, and at most as many in range.

    The published grids have three times as many scenes of uniform motion in range as out of it; means are taken apart.
    """
    scenes = list(evaluation_scenes(kind, np.random.default_rng(seed), every))
    outside = [scene for scene in scenes if not scene.is_in_range]
    inside = [scene for scene in scenes if scene.is_in_range]
    return inside[: max(len(outside), 1)] + outside
