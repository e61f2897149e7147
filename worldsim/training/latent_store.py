"""All latents of a run's mixture with what they are conditioned on, and the batches made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64

from physics_data.core.conventions import DOMAIN_PHYSICS, DOMAIN_REAL
from physics_data.core.shards import IndexRow
from worldsim.prompt import TextEncoder

Latents = Float[torch.Tensor, "cz _tz _hz _wz"]


@dataclass(frozen=True)
class Conditions:
    """What the transformer is told about each of b samples; see ``DiT.forward``."""

    text_ids: Int64[torch.Tensor, "b l"] | Float[torch.Tensor, "b l f"]
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


Sample = tuple[Latents, Conditions]
"""The normalised latents of one clip, and its conditions (b = 1)."""


class LatentStore:
    """Latents of several sources; a pick is (source, position)."""

    def __init__(self) -> None:
        self._sources: list[Callable[[int], Sample]] = []

    def add(
        self, latents: Sequence[Latents], rows: Sequence[IndexRow], tokenizer: TextEncoder, device: torch.device
    ) -> None:
        """Add the normalised latents of the next source, with the index rows of its clips."""
        ids, mask = tokenizer.encode([row.caption for row in rows])
        domain = torch.tensor([DOMAIN_PHYSICS if row.source == "physics" else DOMAIN_REAL for row in rows])
        rate = torch.tensor([row.frame_rate for row in rows])
        columns = [column.to(device) for column in (ids, mask, domain, rate)]
        held = [one.to(device) for one in latents]
        self._sources.append(lambda n: (held[n], Conditions(*(column[n : n + 1] for column in columns))))

    def add_made(self, make: Callable[[int], Sample]) -> None:
        """Add the next source, whose latents are made each time they are picked; ``make`` is a pure function."""
        self._sources.append(make)

    def batch(self, picks: Sequence[tuple[int, int]]) -> LatentBatch:
        """Return picks whose latents have one shape."""
        latents, told = self._chosen(picks)
        return LatentBatch(torch.stack(latents), told)

    def packed(self, picks: Sequence[tuple[int, int]], rows: Sequence[Sequence[int]]) -> PackedLatentBatch:
        """Return picks of any shapes; ``rows`` holds places in ``picks``."""
        return PackedLatentBatch(*self._chosen(picks), [list(row) for row in rows])

    def _chosen(self, picks: Sequence[tuple[int, int]]) -> tuple[list[torch.Tensor], Conditions]:
        latents, told = zip(*(self._sources[source](position) for source, position in picks), strict=True)
        columns = zip(*(one.columns for one in told), strict=True)
        return list(latents), Conditions(*(torch.cat(column) for column in columns))
