"""All latents of a run's mixture with what they are conditioned on, and the batches made of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64

from physics_data.core.conventions import DOMAIN_PHYSICS, DOMAIN_REAL
from physics_data.core.shards import IndexRow
from worldsim.prompt import WordTokenizer

Latents = Float[torch.Tensor, "cz _tz _hz _wz"]


@dataclass(frozen=True)
class Conditions:
    """What the transformer is told about each of b samples; see ``DiT.forward``."""

    text_ids: Int64[torch.Tensor, "b l"]
    text_mask: Bool[torch.Tensor, "b l"]
    domain: Int64[torch.Tensor, "b"]
    frame_rate: Float[torch.Tensor, "b"]

    @property
    def columns(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """The arguments of ``DiT.forward``, in its order."""
        return self.text_ids, self.text_mask, self.domain, self.frame_rate


@dataclass(frozen=True)
class LatentBatch:
    """Normalised latents of one shape."""

    latents: Float[torch.Tensor, "b cz tz hz wz"]
    conditions: Conditions


@dataclass(frozen=True)
class PackedLatentBatch:
    """Normalised latents of any shapes, and the samples that share each row of tokens."""

    latents: list[Latents]
    conditions: Conditions
    rows: list[list[int]]


class LatentStore:
    """Latents of several sources; a pick is (source, position)."""

    def __init__(self) -> None:
        self._latents: list[list[torch.Tensor]] = []
        self._conditions: list[Conditions] = []

    def add(
        self, latents: Sequence[Latents], rows: Sequence[IndexRow], tokenizer: WordTokenizer, device: torch.device
    ) -> None:
        """Add the normalised latents of the next source, with the index rows of its clips."""
        ids, mask = tokenizer.encode([row.caption for row in rows])
        domain = torch.tensor([DOMAIN_PHYSICS if row.source == "physics" else DOMAIN_REAL for row in rows])
        rate = torch.tensor([row.frame_rate for row in rows])
        self._latents.append([one.to(device) for one in latents])
        self._conditions.append(Conditions(*(column.to(device) for column in (ids, mask, domain, rate))))

    def batch(self, picks: Sequence[tuple[int, int]]) -> LatentBatch:
        """Return picks whose latents have one shape."""
        return LatentBatch(torch.stack(self._chosen(picks)), self._told(picks))

    def packed(self, picks: Sequence[tuple[int, int]], rows: Sequence[Sequence[int]]) -> PackedLatentBatch:
        """Return picks of any shapes; ``rows`` holds places in ``picks``."""
        return PackedLatentBatch(self._chosen(picks), self._told(picks), [list(row) for row in rows])

    def _chosen(self, picks: Sequence[tuple[int, int]]) -> list[torch.Tensor]:
        return [self._latents[source][position] for source, position in picks]

    def _told(self, picks: Sequence[tuple[int, int]]) -> Conditions:
        columns = zip(*(self._one(pick) for pick in picks), strict=True)
        return Conditions(*(torch.stack(column) for column in columns))

    def _one(self, pick: tuple[int, int]) -> tuple[torch.Tensor, ...]:
        source, position = pick
        return tuple(column[position] for column in self._conditions[source].columns)
