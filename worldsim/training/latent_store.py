"""The latents of a run's mixture with their conditioning, batches of them, and the error on validation clips."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float

from physics_data.core.conventions import DOMAIN_PHYSICS, DOMAIN_REAL, step_seed
from physics_data.core.shards import IndexRow
from worldsim.data.latent_labels import ClipLabels, LatentLabels, stack_latent_labels
from worldsim.diffusion import interpolate, v_target
from worldsim.model import DiT
from worldsim.model.conditioning import NO_SCALARS, Conditioning, Scalars
from worldsim.model.scene_tokens import SceneTokens
from worldsim.prompt import TextEncoder

Latents = Float[torch.Tensor, "cz _tz _hz _wz"]


@dataclass(frozen=True)
class LatentBatch:
    """Normalised latents of one shape.

    labels:  None where training reads none
    step:    for schedules of losses
    """

    latents: Float[torch.Tensor, "b cz tz hz wz"]
    conditioning: Conditioning
    labels: LatentLabels | None = None
    step: int = 0


@dataclass(frozen=True)
class PackedLatentBatch:
    """Normalised latents of any shapes, and the samples that share each row of tokens."""

    latents: list[Latents]
    conditioning: Conditioning
    rows: list[list[int]]


Sample = tuple[Latents, Conditioning, ClipLabels]
"""The normalised latents of one clip, its conditioning (b = 1), and its labels, none where training reads none."""


class LatentStore:
    """Latents of several sources; a pick is (source, position)."""

    def __init__(self) -> None:
        self._sources: list[Callable[[int], Sample]] = []

    def add(
        self,
        latents: Sequence[Latents],
        rows: Sequence[IndexRow],
        tokenizer: TextEncoder,
        device: torch.device,
        labels: Sequence[ClipLabels] | None = None,
        scalars: Sequence[Mapping[str, Scalars]] | None = None,
        scenes: Sequence[SceneTokens] | None = None,
    ) -> None:
        """Add the normalised latents of the next source, with the index rows of its clips.

        Labels are those that losses read, scalars and scenes (b = 1) those that the
        transformer takes; None = none are.
        """
        ids, mask = tokenizer.encode([row.caption for row in rows])
        domain = torch.tensor([DOMAIN_PHYSICS if row.source == "physics" else DOMAIN_REAL for row in rows])
        rate = torch.tensor([row.frame_rate for row in rows])
        words = Conditioning.of_words(ids, mask, domain, rate).to(device)
        held = [one.to(device) for one in latents]
        of_clip: Sequence[ClipLabels] = labels or [{}] * len(held)
        conditioned = [
            replace(words.rows(slice(n, n + 1)), scalars=of_one, scene=None if scenes is None else scenes[n])
            for n, of_one in enumerate(scalars or [NO_SCALARS] * len(held))
        ]
        conditioned = [one.to(device) for one in conditioned]

        def sample(n: int) -> Sample:
            return held[n], conditioned[n], of_clip[n]

        self._sources.append(sample)

    def add_made(self, make: Callable[[int], Sample]) -> None:
        """Add the next source, whose latents are made each time they are picked; ``make`` is a pure function."""
        self._sources.append(make)

    def batch(self, picks: Sequence[tuple[int, int]], with_labels: bool = False) -> LatentBatch:
        """Return picks whose latents have one shape."""
        latents, conditioning, labels = self._chosen(picks)
        known = stack_latent_labels(labels).to(latents[0].device) if with_labels else None
        return LatentBatch(torch.stack(latents), conditioning, known)

    def packed(self, picks: Sequence[tuple[int, int]], rows: Sequence[Sequence[int]]) -> PackedLatentBatch:
        """Return picks of any shapes; ``rows`` holds places in ``picks``."""
        latents, conditioning, _ = self._chosen(picks)
        return PackedLatentBatch(latents, conditioning, [list(row) for row in rows])

    def _chosen(self, picks: Sequence[tuple[int, int]]) -> tuple[list[torch.Tensor], Conditioning, list[ClipLabels]]:
        latents, conditioning, labels = zip(
            *(self._sources[source](position) for source, position in picks), strict=True
        )
        return list(latents), Conditioning.join(conditioning), list(labels)


@dataclass(frozen=True)
class HeldOutClip:
    """One clip that is not trained on."""

    source: str
    scenario: str
    batch: LatentBatch


@torch.no_grad()
def validation_error(model: DiT, clips: Sequence[HeldOutClip], levels: Sequence[float], seed: int) -> dict[str, float]:
    """Return the mean square error of v: "loss" over all, "SOURCE", "SOURCE/SCENARIO" and "t=LEVEL".

    Each clip has its own noise, the same in every call, so two sets of weights are compared on equal terms.
    """
    sums: dict[str, list[float]] = defaultdict(list)
    for number, clip in enumerate(clips):
        latents = clip.batch.latents
        generator = torch.Generator(latents.device).manual_seed(step_seed(seed, "validation", number))
        noise = torch.randn(latents.shape, generator=generator, device=latents.device)
        for level in levels:
            t = torch.full((1, latents.shape[2]), level, device=latents.device)
            v_pred = model(interpolate(latents, noise, t), t, clip.batch.conditioning)
            error = float((v_pred - v_target(latents, noise)).square().mean())
            for name in {"loss", clip.source, f"{clip.source}/{clip.scenario}", f"t={level:g}"}:
                sums[name].append(error)
    return {name: sum(values) / len(values) for name, values in sorted(sums.items())}
