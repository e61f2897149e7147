"""Generated videos at larger sizes: the upsampler, applied once for each doubling, a few frames at a time."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float

from physics_data.core.errors import DataError
from worldsim.model.upsampler import FACTOR, Upsampler

Piece = Float[torch.Tensor, "3 _t _h _w"]


def doublings(size: tuple[int, int], own: tuple[int, int]) -> int:
    """Return how often a size (width, height) of a model is doubled to reach another.

    Raises:
        DataError: no number of doublings does; names the sizes that can be reached.
    """
    for times in range(7):
        if size == (own[0] * FACTOR**times, own[1] * FACTOR**times):
            return times
    near = [(own[0] * FACTOR**times, own[1] * FACTOR**times) for times in range(4)]
    listed = ", ".join(f"{width}x{height}" for width, height in near)
    raise DataError(
        f"--size {size[0]}x{size[1]} is no power of two times the {own[0]}x{own[1]} of the model; write one of "
        f"{listed}, ..., or choose another --width and --height of the model."
    )


def enlarge(upsampler: Upsampler, pieces: Iterable[Piece], times: int, chunk: int = 4) -> Iterator[Piece]:
    """Yield a video in [-1, 1] at ``2 ** times`` its size; colours beyond that are set to the nearest.

    Args:
        upsampler: the network
        pieces: of the small video, in order, of any lengths
        times: doublings; 0 changes nothing
        chunk: frames that are enlarged together
    """
    enlarged: Iterator[Piece] = iter(pieces)
    for _ in range(times):
        enlarged = upsampler.stream(enlarged, chunk)
    for piece in enlarged:
        yield piece.clamp(-1, 1)
