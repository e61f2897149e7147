"""All latents of a run's mixture with what they are conditioned on, and the batches made of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int64

from physics_data.core.conventions import DOMAIN_PHYSICS, DOMAIN_REAL
from physics_data.core.shards import IndexRow
from worldsim.data.latent_labels import ClipLabels, LatentLabels, stack_latent_labels
from worldsim.model.conditioning import NOTHING, Told
from worldsim.prompt import TextEncoder
from worldsim.training.told import join_told, told_to

Latents = Float[torch.Tensor, "cz _tz _hz _wz"]


@dataclass(frozen=True)
class Conditions:
    """What the transformer is told about each of b samples; see ``DiT.forward``."""

    text_ids: Int64[torch.Tensor, "b l"] | Float[torch.Tensor, "b l f"]
    text_mask: Bool[torch.Tensor, "b l"]
    domain: Int64[torch.Tensor, "b"]
    frame_rate: Float[torch.Tensor, "b"]
    numbers: Mapping[str, Told] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """The arguments of ``DiT.forward`` before the numbers, in its order."""
        return self.text_ids, self.text_mask, self.domain, self.frame_rate

    @classmethod
    def join(cls, each: "Sequence[Conditions]") -> "Conditions":
        """Put those of several samples together."""
        columns = zip(*(one.columns for one in each), strict=True)
        return cls(*(torch.cat(column) for column in columns), numbers=join_told([one.numbers for one in each]))


@dataclass(frozen=True)
class LatentBatch:
    """Normalised latents of one shape.

    labels:  None where training reads none
    step:    for schedules of losses
    """

    latents: Float[torch.Tensor, "b cz tz hz wz"]
    conditions: Conditions
    labels: LatentLabels | None = None
    step: int = 0


@dataclass(frozen=True)
class PackedLatentBatch:
    """Normalised latents of any shapes, and the samples that share each row of tokens."""

    latents: list[Latents]
    conditions: Conditions
    rows: list[list[int]]


Sample = tuple[Latents, Conditions, ClipLabels]
"""The normalised latents of one clip, its conditions (b = 1), and its labels, none where training reads none."""


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
        numbers: Sequence[Mapping[str, Told]] | None = None,
    ) -> None:
        """Add the normalised latents of the next source, with the index rows of its clips.

        Labels are those that losses read, numbers (b = 1) those that the transformer is told; None = none are.
        """
        ids, mask = tokenizer.encode([row.caption for row in rows])
        domain = torch.tensor([DOMAIN_PHYSICS if row.source == "physics" else DOMAIN_REAL for row in rows])
        rate = torch.tensor([row.frame_rate for row in rows])
        columns = [column.to(device) for column in (ids, mask, domain, rate)]
        held = [one.to(device) for one in latents]
        of_clip: Sequence[ClipLabels] = labels or [{}] * len(held)
        told = [told_to(one, device) for one in numbers or [NOTHING] * len(held)]

        def sample(n: int) -> Sample:
            return held[n], Conditions(*(column[n : n + 1] for column in columns), numbers=told[n]), of_clip[n]

        self._sources.append(sample)

    def add_made(self, make: Callable[[int], Sample]) -> None:
        """Add the next source, whose latents are made each time they are picked; ``make`` is a pure function."""
        self._sources.append(make)

    def batch(self, picks: Sequence[tuple[int, int]], with_labels: bool = False) -> LatentBatch:
        """Return picks whose latents have one shape."""
        latents, told, labels = self._chosen(picks)
        known = stack_latent_labels(labels).to(latents[0].device) if with_labels else None
        return LatentBatch(torch.stack(latents), told, known)

    def packed(self, picks: Sequence[tuple[int, int]], rows: Sequence[Sequence[int]]) -> PackedLatentBatch:
        """Return picks of any shapes; ``rows`` holds places in ``picks``."""
        latents, told, _ = self._chosen(picks)
        return PackedLatentBatch(latents, told, [list(row) for row in rows])

    def _chosen(self, picks: Sequence[tuple[int, int]]) -> tuple[list[torch.Tensor], Conditions, list[ClipLabels]]:
        latents, told, labels = zip(*(self._sources[source](position) for source, position in picks), strict=True)
        return list(latents), Conditions.join(told), list(labels)
