"""Video file to latent file and back, in constant memory."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from physics_data.core.atomic import atomic_path
from physics_data.core.errors import CheckpointError, DataError, VideoError
from physics_data.core.video import iterate_frames, write_frames
from worldsim.cards import read_card
from worldsim.codec.latent_file import LatentHeader, LatentWriter, iterate_latents, read_latents
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.vae import DecoderStream, EncoderStream, VideoVAE
from worldsim.vae.streaming import decoder_memory, encoder_memory
from worldsim.weights import MODEL_FORMAT, load_vae, model_folder

Frame = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Grid:
    """A video's size and the next larger one that fits.

    Units:
        num_frames:       frames
        height, width:    px
        temporal_factor:  frames a latent frame; 4 k + 1 frames fit a factor of 4
        spatial_factor:   px a latent position
    """

    num_frames: int
    height: int
    width: int
    temporal_factor: int
    spatial_factor: int

    @property
    def padded(self) -> tuple[int, int, int]:
        """Frames, height and width that fit."""
        frames = math.ceil((self.num_frames - 1) / self.temporal_factor) * self.temporal_factor + 1
        height, width = (math.ceil(x / self.spatial_factor) * self.spatial_factor for x in (self.height, self.width))
        return frames, height, width

    @property
    def remark(self) -> str | None:
        """Say what is padded; None if the video fits as it is."""
        frames, height, width = self.padded
        said = []
        if frames != self.num_frames:
            said.append(f"{self.num_frames} frames to {frames} (the last one is repeated)")
        if (height, width) != (self.height, self.width):
            said.append(f"{self.width}x{self.height} px to {width}x{height} (edges are repeated)")
        return f"padded {' and '.join(said)}; decoding cuts it off again" if said else None

    def pieces(self, frames: Iterable[Frame]) -> Iterator[UInt8[np.ndarray, "t hp wp 3"]]:
        """Yield the padded video: its first frame, then ``temporal_factor`` frames at a time.

        Raises:
            VideoError: a frame has another size than the grid.
        """
        piece: list[np.ndarray] = []
        wanted = 1
        for frame in frames:
            piece.append(self._fill(frame))
            if len(piece) == wanted:
                yield np.stack(piece)
                piece, wanted = [], self.temporal_factor
        if piece:
            yield np.stack(piece + [piece[-1]] * (wanted - len(piece)))

    def _fill(self, frame: Frame) -> np.ndarray:
        if frame.shape[:2] != (self.height, self.width):
            raise VideoError(
                f"a frame has {frame.shape[1]}x{frame.shape[0]} px, the first one had {self.width}x{self.height}; "
                "convert the video to one size first."
            )
        _, height, width = self.padded
        if (height, width) == (self.height, self.width):
            return frame
        return np.pad(frame, ((0, height - self.height), (0, width - self.width), (0, 0)), mode="edge")


_TILE = 256
_WHOLE_UP_TO = 2**30
"""Pictures whose coding takes more than this many bytes are cut into tiles of about ``_TILE`` px."""

OnFrames = Callable[[int], None]


@dataclass(frozen=True)
class Codec:
    """A VAE ready to code files.

    digest:  sha256 of its weights
    device:  where it runs
    """

    vae: VideoVAE
    digest: str
    device: torch.device

    @classmethod
    def load(cls, given: Path) -> "Codec":
        """Load a model folder, or the model of a run, onto the accelerator if there is one.

        Raises:
            CheckpointError: no VAE there, or a damaged one.
            UnknownNameError: no built-in VAE of this name.
        """
        folder = model_folder(given)
        vae = load_vae(folder)
        digest = next(iter(read_card(folder, MODEL_FORMAT)["files"].values()))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return cls(vae.to(device), digest, device)

    @property
    def layout(self) -> str:
        """Frames x rows x columns that become one latent position."""
        size = self.vae.spatial_factor
        return f"{self.vae.temporal_factor}x{size}x{size}"

    def tile_for(self, height: int, width: int) -> int | None:
        """Return the side of the tiles (px) for padded pictures of this size, None if they are coded whole."""
        bounds = (measure(self.vae, height, width).total for measure in (encoder_memory, decoder_memory))
        factor = self.vae.spatial_factor
        return None if max(bounds) <= _WHOLE_UP_TO else max(_TILE // factor, 1) * factor

    def memory_for(self, height: int, width: int, tile: int | None) -> int:
        """Return the most bytes that coding padded pictures of this size takes beside the weights."""
        return max(measure(self.vae, height, width, tile=tile).total for measure in (encoder_memory, decoder_memory))


@dataclass(frozen=True)
class VideoFacts:
    """Length, size and mean rate (Hz) of a video file."""

    num_frames: int
    height: int
    width: int
    frame_rate: float

    @classmethod
    def of(cls, path: Path, first: int | None = None) -> "VideoFacts":
        """Decode a video once, or its first frames alone, and count.

        Raises:
            VideoError: it is no whole video.
        """
        count, last, size = 0, 0.0, (0, 0)
        for seconds, rgb in islice(iterate_frames(path), first):
            if count == 0:
                size = (rgb.shape[0], rgb.shape[1])
            count, last = count + 1, seconds
        return cls(count, *size, (count - 1) / last if last > 0 else 1.0)


def encode_frames(
    codec: Codec, frames: Iterator[UInt8[np.ndarray, "h w 3"]], grid: Grid, tile: int | None
) -> Iterator[torch.Tensor]:
    """Yield raw latents "1 c t h w" of a video, piece by piece.

    Raises:
        DataError: the VAE returns no finite numbers.
    """
    _, height, width = grid.padded
    stream = EncoderStream(codec.vae, height, width, tile=tile)
    for number, piece in enumerate(grid.pieces(frames)):
        latents = stream.push(to_tensor(piece[None]).to(codec.device))
        if not bool(torch.isfinite(latents).all()):
            raise DataError(f"the VAE returns NaN or infinite latents in piece {number}; its weights are broken.")
        yield latents


def decode_frames(
    codec: Codec, latents: Iterator[torch.Tensor], grid: Grid, tile: int | None
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Yield the frames of raw latents "1 c t h w", without what was padded."""
    _, height, width = grid.padded
    stream, left = DecoderStream(codec.vae, height, width, tile=tile), grid.num_frames
    for piece in latents:
        for frame in to_rgb(stream.push(piece))[0][:left]:
            left -= 1
            yield frame[: grid.height, : grid.width]


def grid_of(codec: Codec, facts: VideoFacts | LatentHeader) -> Grid:
    """Return the grid of a video for a VAE."""
    return Grid(facts.num_frames, facts.height, facts.width, codec.vae.temporal_factor, codec.vae.spatial_factor)


def encode_file(
    codec: Codec, video: Path, out: Path, tile: int | None, facts: VideoFacts, on_frames: OnFrames = lambda count: None
) -> tuple[int, ...]:
    """Write the normalised latents of a video; returns their shape "t c h w".

    Raises:
        VideoError: it is no whole video.
        StorageError: the disk refused.
    """
    grid = grid_of(codec, facts)
    frames = (rgb for _, rgb in iterate_frames(video))
    with atomic_path(out) as partial, LatentWriter(partial) as writer:
        for latents in encode_frames(codec, frames, grid, tile):
            normal = codec.vae.normalise(latents)[0].movedim(1, 0)
            writer.append(normal)
            on_frames(len(normal))
        writer.finish(LatentHeader(**vars(facts), vae=codec.digest, layout=codec.layout))
    return read_latents(out)[1]


def decode_file(
    codec: Codec, latents: Path, out: Path, tile: int | None, on_frames: OnFrames = lambda count: None
) -> LatentHeader:
    """Write the video of a latent file, cut back to the size it had: 4:2:0, or 4:4:4 where a side is odd.

    Raises:
        CheckpointError: another VAE made the latents.
        DataError: no whole latent file, or NaN in it.
        StorageError: the disk refused.
    """
    header, shape = read_latents(latents)
    _require_same_vae(codec, header, latents)
    grid = grid_of(codec, header)
    expected = (codec.vae.latent_shape(*grid.padded)[i] for i in (1, 0, 2, 3))
    if shape != (wanted := tuple(expected)):
        raise DataError(f"{latents} holds latents {shape}, its header tells of {wanted} (t c h w); encode again.")

    def raw() -> Iterator[torch.Tensor]:
        for frame in iterate_latents(latents):
            yield codec.vae.denormalise(frame.to(codec.device).movedim(0, 1)[None])
            on_frames(1)

    plays_anywhere = header.height % 2 == 0 and header.width % 2 == 0
    frames = decode_frames(codec, raw(), grid, tile)
    write_frames(out, frames, header.frame_rate, "yuv420p" if plays_anywhere else "yuv444p")
    return header


def _require_same_vae(codec: Codec, header: LatentHeader, path: Path) -> None:
    if header.layout != codec.layout:
        raise CheckpointError(
            f"{path} was made by a VAE of layout {header.layout}, this one has {codec.layout}; give it with --vae."
        )
    if header.vae != codec.digest:
        raise CheckpointError(
            f"{path} was made by the VAE with weights {header.vae[:16]}, this one has {codec.digest[:16]}; give that "
            "VAE with --vae, or encode the video again."
        )
