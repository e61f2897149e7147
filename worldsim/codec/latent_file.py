"""Latents of a video as one safetensors file, written and read piece by piece.

The tensor ``latents`` is "t c h w" in single precision, normalised per channel, so that it can be appended to. The
metadata hold what the pixels were (frames, size, rate before padding) and which VAE made it.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open

from physics_data.core.errors import DataError

LATENTS_FORMAT = "worldsim.latents/1"
_HEADER_BYTES = 4096


@dataclass(frozen=True)
class LatentHeader:
    """What a latent file says of its video.

    Units:
        num_frames:     frames before the last one was repeated to fill the grid
        height, width:  px, before padding
        frame_rate:     Hz
        vae:            sha256 of the weights that made it
        layout:         frames x rows x columns that became one latent position, e.g. "4x8x8"
    """

    num_frames: int
    height: int
    width: int
    frame_rate: float
    vae: str
    layout: str

    def metadata(self) -> dict[str, str]:
        """Return the metadata of the file."""
        return {"format": LATENTS_FORMAT, **{name: str(value) for name, value in vars(self).items()}}

    @classmethod
    def of(cls, metadata: dict[str, str], path: Path) -> "LatentHeader":
        """Read the metadata of a file.

        Raises:
            DataError: it is no latent file, or of another format version.
        """
        if metadata.get("format") != LATENTS_FORMAT:
            raise DataError(
                f"{path} has format '{metadata.get('format')}', needed is '{LATENTS_FORMAT}'; make latents with "
                "python -m worldsim encode."
            )
        num_frames, height, width = (int(metadata[name]) for name in ("num_frames", "height", "width"))
        return cls(num_frames, height, width, float(metadata["frame_rate"]), metadata["vae"], metadata["layout"])


class LatentWriter:
    """Appends latent frames to a file; its header is filled in last, when the number of frames is known."""

    def __init__(self, path: Path) -> None:
        """Write to ``path``, which is no whole file before ``finish``."""
        self._file: IO[bytes] = open(path, "wb")  # noqa: SIM115 (closed by __exit__)
        self._file.write(b"\0" * _HEADER_BYTES)
        self._shape: tuple[int, ...] | None = None
        self.num_frames = 0

    def __enter__(self) -> "LatentWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def append(self, latents: Float[torch.Tensor, "t c h w"]) -> None:
        """Write the next latent frames, all of one size."""
        values = np.ascontiguousarray(latents.float().cpu().numpy(), dtype="<f4")
        assert self._shape in (None, values.shape[1:])
        self._shape = values.shape[1:]
        self.num_frames += len(values)
        self._file.write(values.tobytes())

    def finish(self, header: LatentHeader) -> None:
        """Write the header."""
        assert self._shape is not None
        shape = [self.num_frames, *self._shape]
        entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * int(np.prod(shape))]}
        text = json.dumps({"__metadata__": header.metadata(), "latents": entry}).encode()
        room = _HEADER_BYTES - 8
        self._file.seek(0)
        self._file.write(struct.pack("<Q", room) + text.ljust(room))


def read_latents(path: Path) -> tuple[LatentHeader, tuple[int, ...]]:
    """Return what a latent file holds, and the shape "t c h w" of its latents.

    Raises:
        DataError: missing, damaged, or no latent file.
    """
    if not Path(path).is_file():
        raise DataError(f"no latent file {path}; make one with python -m worldsim encode VIDEO --out {path}.")
    try:
        with safe_open(str(path), framework="pt") as file:
            header = LatentHeader.of(file.metadata() or {}, path)
            return header, tuple(file.get_slice("latents").get_shape())
    except (SafetensorError, KeyError, ValueError) as error:
        raise DataError(f"{path} is no whole latent file ({error}); encode the video again.") from error


def iterate_latents(path: Path) -> Iterator[Float[torch.Tensor, "1 c h w"]]:
    """Yield the latent frames one after another without holding them all.

    Raises:
        DataError: see ``read_latents``; or a value is no finite number.
    """
    _, shape = read_latents(path)
    with safe_open(str(path), framework="pt") as file:
        stored = file.get_slice("latents")
        for number in range(shape[0]):
            frame = stored[number : number + 1]
            if not bool(torch.isfinite(frame).all()):
                raise DataError(
                    f"latent frame {number} of {path} holds NaN or infinite values; encode the video again."
                )
            yield frame
