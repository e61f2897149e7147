"""Samples of any size and length packed into rows of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64

from physics_data.core.errors import DataError

Grid = tuple[int, int, int]
"""Tokens of a sample in time, down and across."""


@dataclass(frozen=True)
class Rows:
    """Where the tokens of b samples lie in r rows of n places.

    sample:   which sample a place belongs to; -1 = padding
    frame:    which latent frame of it
    token:    which of all tokens, counted sample after sample; the number of all of them = padding
    members:  the samples of each row; -1 = none
    place:    for each of all tokens, its place among the r * n
    lengths:  tokens of each sample
    """

    sample: Int64[torch.Tensor, "r n"]
    frame: Int64[torch.Tensor, "r n"]
    token: Int64[torch.Tensor, "r n"]
    members: Int64[torch.Tensor, "r k"]
    place: Int64[torch.Tensor, "m"]
    lengths: tuple[int, ...]

    @classmethod
    def lay_out(cls, grids: Sequence[Grid], rows: Sequence[Sequence[int]], device: torch.device) -> "Rows":
        """Put the samples of each row one behind the other; rows are as long as the longest.

        Raises:
            DataError: a sample is in no row, or in two.
        """
        require_each_once(rows, len(grids))
        lengths = [frames * down * across for frames, down, across in grids]
        first = torch.tensor([0, *lengths]).cumsum(0)
        longest = max(sum(lengths[sample] for sample in row) for row in rows)
        shape = (len(rows), longest)
        sample = torch.full(shape, -1)
        frame = torch.zeros(shape, dtype=torch.int64)
        token = torch.full(shape, int(first[-1]))
        members = torch.full((len(rows), max(len(row) for row in rows)), -1)
        place = torch.empty(int(first[-1]), dtype=torch.int64)
        for number, row in enumerate(rows):
            start = 0
            for slot, one in enumerate(row):
                end = start + lengths[one]
                sample[number, start:end] = one
                frame[number, start:end] = torch.arange(lengths[one]) // (grids[one][1] * grids[one][2])
                token[number, start:end] = torch.arange(lengths[one]) + first[one]
                place[first[one] : first[one + 1]] = torch.arange(start, end) + number * longest
                members[number, slot] = one
                start = end
        columns = (column.to(device) for column in (sample, frame, token, members, place))
        return cls(*columns, lengths=tuple(lengths))

    def fill(self, values: Sequence[Float[torch.Tensor, "_ d"]]) -> Float[torch.Tensor, "r n d"]:
        """Return one value for each place from one for each token of each sample; 0 at padding."""
        every = torch.cat([*values, values[0].new_zeros(1, values[0].shape[1])])
        return every[self.token]

    def pick(self, values: Float[torch.Tensor, "r n d"]) -> list[torch.Tensor]:
        """Undo ``fill``."""
        return list(values.flatten(0, 1)[self.place].split(self.lengths))

    def same_sample(self) -> Bool[torch.Tensor, "r 1 n n"]:
        """Return which places may read which: those of their own sample; padding reads padding."""
        return (self.sample[:, :, None] == self.sample[:, None, :])[:, None]

    def words(
        self, words: Float[torch.Tensor, "b l d"], mask: Bool[torch.Tensor, "b l"]
    ) -> tuple[Float[torch.Tensor, "r kl d"], Bool[torch.Tensor, "r n kl"]]:
        """Return the words of all samples of each row, and which of them each place may read: those of its sample.

        Padding reads the words of its row's first sample, since an attention over nothing is no number.
        """
        reader = torch.where(self.sample < 0, self.members[:, :1], self.sample)
        members = self.members.clamp_min(0)
        own = reader[:, :, None] == self.members[:, None, :]
        readable = own[..., None] & mask[members][:, None]
        return words[members].flatten(1, 2), readable.flatten(2)

    def for_words(
        self, mask: Bool[torch.Tensor, "b l"]
    ) -> tuple[Bool[torch.Tensor, "r kl kl"], Bool[torch.Tensor, "r kl n"]]:
        """Return which words of its row, and which places, each word may read: those of its sample; no padding."""
        length = mask.shape[1]
        slot = torch.arange(self.members.shape[1], device=mask.device).repeat_interleave(length)
        kept = mask[self.members.clamp_min(0)].flatten(1, 2)
        words = (slot[:, None] == slot[None])[None] & kept[:, None]
        owner = self.members.repeat_interleave(length, dim=1)
        return words, (owner[:, :, None] == self.sample[:, None]) & (owner >= 0)[:, :, None]


def require_each_once(rows: Sequence[Sequence[int]], count: int) -> None:
    """Check that rows share out ``count`` samples.

    Raises:
        DataError: a sample is in no row, or in two.
    """
    if sorted(sample for row in rows for sample in row) != list(range(count)):
        raise DataError(f"the rows {[list(row) for row in rows]} do not hold each of {count} samples once.")
