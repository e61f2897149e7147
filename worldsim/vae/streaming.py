"""Videos of any length and size through the VAE, in pieces: memory does not grow with length, nor work with tiles.

``EncoderStream`` and ``DecoderStream`` give, piece after piece, the same numbers as ``VideoVAE.encode(...).mode()`` and
``VideoVAE.decode`` of the whole video, within float32 rounding (1e-4); without tiles they are equal to the bit where
matrix products do not depend on their number of rows (seen on AMD EPYC, not on an Intel Xeon with AVX-512).

Source: keeping the last frames that each temporal convolution saw follows the feature cache of Wan Team (2025), Wan:
open and advanced large-scale video generative models; here the layers need nothing else of the past.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float

from physics_data.core.errors import DataError
from worldsim.vae.blocks import CausalTemporalConv, Memory
from worldsim.vae.video_vae import Latents, Video, VideoVAE


@dataclass(frozen=True)
class Span:
    """A stretch of one side: ``outer`` is computed, ``kept`` of the picture is taken from it.

    Units:
        kept, outer:  latent positions from the picture's edge, [start, stop)
    """

    kept: tuple[int, int]
    outer: tuple[int, int]

    def outer_slice(self, scale: int = 1) -> slice:
        """Return what is computed, in the picture; ``scale`` is the picture's positions per latent position."""
        return slice(self.outer[0] * scale, self.outer[1] * scale)

    def kept_slice(self, scale: int = 1) -> slice:
        """Return what is kept, in the picture."""
        return slice(self.kept[0] * scale, self.kept[1] * scale)

    def inner_slice(self, scale: int = 1) -> slice:
        """Return what is kept, in the tile."""
        start = self.kept[0] - self.outer[0]
        return slice(start * scale, (start + self.kept[1] - self.kept[0]) * scale)


@dataclass(frozen=True)
class Tile:
    """One tile of a picture."""

    rows: Span
    columns: Span

    @property
    def area(self) -> int:
        """Latent positions that are computed."""
        (top, bottom), (left, right) = self.rows.outer, self.columns.outer
        return (bottom - top) * (right - left)


def cut(height: int, width: int, tile: int | None, margin: int) -> list[Tile]:
    """Return tiles that together keep every position once; None makes one tile of everything.

    Units:
        height, width, tile, margin:  latent positions
    """
    rows, columns = (list(_spans(length, tile or length, margin)) for length in (height, width))
    return [Tile(row, column) for row in rows for column in columns]


def margin_of(reach: int, spatial_factor: int) -> int:
    """Return the margin, in latent positions, for a network that sees ``reach`` pixels to each side."""
    return math.ceil(reach / spatial_factor)


def _spans(length: int, tile: int, margin: int) -> Iterator[Span]:
    count = math.ceil(length / tile)
    edges = [round(i * length / count) for i in range(count + 1)]
    for start, stop in itertools.pairwise(edges):
        yield Span((start, stop), (max(start - margin, 0), min(stop + margin, length)))


_WORK_COPIES = 10
"""Tensors as large as the input of the widest layer that are alive at once in a residual block, at most."""


class EncoderStream:
    """A video in pieces to raw mean latents. The first piece has 1 + k * temporal_factor frames, later ones k * it."""

    def __init__(self, vae: VideoVAE, height: int, width: int, *, tile: int | None = None) -> None:
        """Start a video.

        Args:
            vae: in evaluation mode
            height: px
            width: px
            tile: side of the square tiles, px; None codes whole pictures

        Raises:
            DataError: the size does not fit the VAE, or the tile is no multiple of its spatial factor.
        """
        self._vae = vae
        self._tiles = tiles_of(vae, height, width, vae.config.encoder_reach, tile)
        self._memories = [Memory() for _ in self._tiles]

    @torch.no_grad()
    def push(self, video: Video) -> Latents:
        """Return the latent frames that these frames complete.

        Raises:
            DataError: number of frames or size do not fit.
        """
        scale = self._vae.spatial_factor
        return _assemble(
            self._tiles,
            self._memories,
            lambda part, memory: self._vae.encode(part, memory).mode(),
            video,
            scale_in=scale,
            scale_out=1,
        )

    @property
    def num_bytes(self) -> int:
        """Memory that is held between pieces."""
        return sum(memory.num_bytes for memory in self._memories)


class DecoderStream:
    """Raw latents in pieces of any number of latent frames to a video in [-1, 1], about."""

    def __init__(self, vae: VideoVAE, height: int, width: int, *, tile: int | None = None) -> None:
        """Start a video of ``height`` x ``width`` px; see ``EncoderStream``."""
        self._vae = vae
        self._tiles = tiles_of(vae, height, width, vae.config.decoder_reach, tile)
        self._memories = [Memory() for _ in self._tiles]

    @torch.no_grad()
    def push(self, latents: Latents) -> Video:
        """Return the frames of these latent frames.

        Raises:
            DataError: channels or size do not fit.
        """
        scale = self._vae.spatial_factor
        return _assemble(self._tiles, self._memories, self._vae.decode, latents, scale_in=1, scale_out=scale)

    @property
    def num_bytes(self) -> int:
        """Memory that is held between pieces."""
        return sum(memory.num_bytes for memory in self._memories)


@dataclass(frozen=True)
class MemoryBound:
    """Most memory that a stream of single-precision numbers takes beside the weights.

    Units:
        held:     bytes between pieces, exactly
        working:  bytes while a piece of one latent frame is coded, at most
    """

    held: int
    working: int

    @property
    def total(self) -> int:
        """Bytes."""
        return self.held + self.working


def decoder_memory(vae: VideoVAE, height: int, width: int, *, tile: int | None = None) -> MemoryBound:
    """Return the memory of a ``DecoderStream`` that is given one latent frame at a time, whatever the video's length.

    Raises:
        DataError: size or tile do not fit.
    """
    return _bound(vae, height, width, vae.config.decoder_reach, vae.config.decoder_blocks, tile)


def encoder_memory(vae: VideoVAE, height: int, width: int, *, tile: int | None = None) -> MemoryBound:
    """Return the memory of an ``EncoderStream`` that is given the frames of one latent frame at a time.

    Raises:
        DataError: size or tile do not fit.
    """
    return _bound(vae, height, width, vae.config.encoder_reach, vae.config.encoder_blocks, tile)


def tiles_of(vae: VideoVAE, height: int, width: int, reach: int, tile: int | None) -> list[Tile]:
    """Return the tiles of a picture; ``reach`` and ``tile`` in px.

    Raises:
        DataError: size or tile do not fit the VAE.
    """
    factor = vae.spatial_factor
    _, _, rows, columns = vae.latent_shape(1, height, width)
    if tile is not None and (tile < factor or tile % factor):
        nearest = max(round(tile / factor), 1) * factor
        raise DataError(f"a tile of {tile} px does not fit this VAE, which takes multiples of {factor}; use {nearest}.")
    return cut(rows, columns, None if tile is None else tile // factor, margin_of(reach, factor))


def _assemble(
    tiles: list[Tile],
    memories: list[Memory],
    code: Callable[[torch.Tensor, Memory], torch.Tensor],
    x: Float[torch.Tensor, "b c t h w"],
    *,
    scale_in: int,
    scale_out: int,
) -> Float[torch.Tensor, "b d t2 h2 w2"]:
    last = tiles[-1]
    expected = (last.rows.kept[1] * scale_in, last.columns.kept[1] * scale_in)
    if tuple(x.shape[3:]) != expected:
        raise DataError(f"the stream was started for pictures of {expected}, given are {tuple(x.shape[3:])}.")
    if len(tiles) == 1:
        return code(x, memories[0])
    whole: torch.Tensor | None = None
    for tile, memory in zip(tiles, memories, strict=True):
        part = code(x[..., tile.rows.outer_slice(scale_in), tile.columns.outer_slice(scale_in)], memory)
        if whole is None:
            whole = part.new_empty(*part.shape[:3], last.rows.kept[1] * scale_out, last.columns.kept[1] * scale_out)
        whole[..., tile.rows.kept_slice(scale_out), tile.columns.kept_slice(scale_out)] = part[
            ..., tile.rows.inner_slice(scale_out), tile.columns.inner_slice(scale_out)
        ]
    assert whole is not None
    return whole


def _bound(
    vae: VideoVAE, height: int, width: int, reach: int, blocks: tuple[int, ...], tile: int | None
) -> MemoryBound:
    config, tiles = vae.config, tiles_of(vae, height, width, reach, tile)
    area = sum(one.area for one in tiles)
    largest = max(one.area for one in tiles)
    held, widest, frames, size = 0, 0, config.temporal_factor, config.spatial_factor
    for stride, width_of, count in zip(config.strides, config.widths, blocks, strict=True):
        frames, size = frames // stride.frames, size // stride.size
        held += 4 * CausalTemporalConv.REACH * count * width_of * size**2 * area
        widest = max(widest, 4 * frames * width_of * size**2 * largest)
    picture = 4 * 3 * config.temporal_factor * height * width
    return MemoryBound(held, _WORK_COPIES * widest + 3 * picture)
