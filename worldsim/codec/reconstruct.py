"""Videos through a codec and back: PSNR and SSIM of the picture, and what became of every object in it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from physics_data.core.clip import Clip
from physics_data.core.video import iterate_frames, write_frames
from worldsim.codec.files import Codec, VideoFacts, decode_frames, encode_frames, grid_of

_GAP = 4


def psnr(mean_square: float) -> float:
    """Return the peak signal to noise ratio, dB, of a mean square error in squared grey levels; inf for 0."""
    return math.inf if mean_square == 0 else 10 * math.log10(255**2 / mean_square)


Frame = UInt8[np.ndarray, "h w 3"]


def ssim(original: Frame, again: Frame) -> float:
    """Return the structural similarity of the brightness of two pictures, 1 for equal ones.

    Source: Wang et al. (2004), Image quality assessment: from error visibility to structural similarity.
    """
    x, y = (picture @ _LUMA for picture in (original, again))
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similar = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    return float(similar.mean())


def displacement(
    original: Float[np.ndarray, "h w 3"], again: Float[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]
) -> Float[np.ndarray, "2"] | None:
    """Return by how many pixels (down, right) the second picture is moved inside the mask, by least squares.

    Both are smoothed a little first, so that edges one pixel wide have a slope; right to some per cent for shifts
    below a pixel. None where the picture has no edge that would show one.

    Source: Lucas and Kanade (1981), An iterative image registration technique with an application to stereo vision.
    """
    original, again = (ndimage.gaussian_filter(picture, (1.0, 1.0, 0.0)) for picture in (original, again))
    mean = (original + again) / 2
    down, across = (np.gradient(mean, axis=axis)[mask].ravel() for axis in (0, 1))
    change = (original - again)[mask].ravel()
    matrix = np.array([[down @ down, down @ across], [down @ across, across @ across]])
    if np.linalg.det(matrix) <= 1e-3 * np.trace(matrix) ** 2 or np.trace(matrix) < mask.sum():
        return None
    return np.linalg.solve(matrix, np.array([down @ change, across @ change]))


@dataclass(frozen=True)
class ObjectFidelity:
    """What became of one object.

    Units:
        pixels:             mean visible size, px
        psnr:               inside it, dB
        displacement:       root mean square over the frames, px; None if its place cannot be measured
        lost_frames:        frames in which less than half of its contrast is left
    """

    name: str
    num_frames: int
    pixels: float
    psnr: float
    displacement: float | None
    lost_frames: int


@dataclass(frozen=True)
class Fidelity:
    """What became of a video. PSNR in dB over all pixels, SSIM as the mean over frames."""

    num_frames: int
    psnr: float
    ssim: float
    objects: tuple[ObjectFidelity, ...] = ()


def reconstruct_video(
    codec: Codec,
    video: Path,
    out: Path,
    tile: int | None,
    facts: VideoFacts,
    on_frames: Callable[[int], None] = lambda count: None,
) -> Fidelity:
    """Write original and reconstruction side by side, frame by frame; the file is decoded twice at once for that.

    ``facts.num_frames`` of the file's frames are taken.

    Raises:
        VideoError: it is no whole video.
        StorageError: the disk refused.
    """
    meter = FidelityMeter()
    again = _there_and_back(codec, _frames(video, facts), facts, tile)
    originals = _frames(video, facts)

    def pairs() -> Iterator[UInt8[np.ndarray, "h w2 3"]]:
        for original, made in zip(originals, again, strict=True):
            meter.add(original, made)
            on_frames(1)
            yield _side_by_side(original, made)

    write_frames(out, pairs(), facts.frame_rate, "yuv420p")
    return meter.result()


def reconstruct_clip(codec: Codec, clip: Clip, out: Path | None) -> tuple[Fidelity, UInt8[np.ndarray, "t h w 3"]]:
    """Return the figures of a clip of a dataset, objects apart where it has labels, and its reconstruction.

    With ``out`` original and reconstruction are written there, side by side.
    """
    num_frames, height, width = clip.rgb.shape[:3]
    facts = VideoFacts(num_frames, height, width, clip.meta.frame_rate)
    ids = None if clip.rendering is None else clip.rendering.instance_ids
    names = [] if clip.meta.spec is None else [body.name for body in clip.meta.spec.bodies]
    meter = FidelityMeter(names)
    made = np.stack(list(_there_and_back(codec, iter(clip.rgb), facts, None)))
    for number, (original, again) in enumerate(zip(clip.rgb, made, strict=True)):
        meter.add(original, again, None if ids is None else ids[number])
    if out is not None:
        beside = (_side_by_side(a, b) for a, b in zip(clip.rgb, made, strict=True))
        write_frames(out, beside, clip.meta.frame_rate, "yuv420p")
    return meter.result(), made


def _frames(video: Path, facts: VideoFacts) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    return (rgb for _, rgb in islice(iterate_frames(video), facts.num_frames))


def _there_and_back(
    codec: Codec, frames: Iterator[np.ndarray], facts: VideoFacts, tile: int | None
) -> Iterator[np.ndarray]:
    grid = grid_of(codec, facts)
    return decode_frames(codec, encode_frames(codec, frames, grid, tile), grid, tile)


def _side_by_side(original: np.ndarray, again: np.ndarray) -> np.ndarray:
    gap = np.full((original.shape[0], _GAP + original.shape[1] % 2, 3), 255, dtype=np.uint8)
    return np.concatenate([original, gap, again], axis=1)


_LUMA = np.array([0.299, 0.587, 0.114])
_RIM = 3
"""Pixels around an object that belong to it when its place is measured: its edge shows where it is."""

_LEAST_CONTRAST = 8.0
"""Grey levels by which an object must differ from what is around it for its place to be measured."""

_KEPT = 0.5
"""An object that keeps less than this share of its contrast is lost."""


def mean_square(original: UInt8[np.ndarray, "*s"], again: UInt8[np.ndarray, "*s"]) -> float:
    """Return the mean square difference, squared grey levels."""
    return float(np.square(original.astype(np.float32) - again.astype(np.float32)).mean())


def kept_contrast(original: Frame, again: Frame, mask: Bool[np.ndarray, "h w"]) -> float | None:
    """Return the share of an object's contrast to its surroundings that is still there: 1 all, 0 gone.

    None if it hardly differs from them in the original.
    """
    ring = _grown(mask, 4) & ~_grown(mask, 1)
    if not ring.any() or not mask.any():
        return None
    ground = np.median(original[ring], axis=0)
    before, after = (picture[mask].astype(float) - ground for picture in (original, again))
    if np.sqrt(np.square(before).mean()) < _LEAST_CONTRAST:
        return None
    return float((before * after).sum() / np.square(before).sum())


class FidelityMeter:
    """Compares a video with its reconstruction frame by frame; holds sums, not frames."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        """Begin a video; ``names[i]`` is the name of the object with instance id i."""
        self._names = names
        self._square: list[float] = []
        self._similar: list[float] = []
        self._objects: dict[int, _ObjectSums] = {}

    def add(self, original: Frame, again: Frame, instance_ids: UInt8[np.ndarray, "h w"] | None = None) -> None:
        """Compare the next frame."""
        self._square.append(mean_square(original, again))
        self._similar.append(ssim(original, again))
        if instance_ids is None:
            return
        for number in np.unique(instance_ids[instance_ids > 0]).tolist():
            self._objects.setdefault(number, _ObjectSums()).add(original, again, instance_ids == number)

    def result(self) -> Fidelity:
        """Return what was measured."""
        objects = tuple(sums.result(self._name(number)) for number, sums in sorted(self._objects.items()))
        return Fidelity(
            len(self._square), psnr(float(np.mean(self._square))), float(np.mean(self._similar)), tuple(objects)
        )

    def _name(self, number: int) -> str:
        return self._names[number] if number < len(self._names) else f"object {number}"


class _ObjectSums:
    def __init__(self) -> None:
        self.square: list[float] = []
        self.pixels: list[int] = []
        self.shifts: list[float] = []
        self.lost = 0

    def add(self, original: Frame, again: Frame, mask: np.ndarray) -> None:
        self.pixels.append(int(mask.sum()))
        self.square.append(mean_square(original[mask], again[mask]))
        kept = kept_contrast(original, again, mask)
        if kept is None:
            return
        self.lost += kept < _KEPT
        rim = _grown(mask, _RIM)
        shift = displacement(original.astype(float), again.astype(float), rim) if kept >= _KEPT else None
        if shift is not None:
            self.shifts.append(float(np.square(shift).sum()))

    def result(self, name: str) -> ObjectFidelity:
        weighted = float(np.average(self.square, weights=self.pixels))
        shift = math.sqrt(float(np.mean(self.shifts))) if self.shifts else None
        return ObjectFidelity(name, len(self.pixels), float(np.mean(self.pixels)), psnr(weighted), shift, self.lost)


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    return np.asarray(ndimage.binary_dilation(mask, iterations=pixels), dtype=bool)


def _blur(picture: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(picture, sigma=1.5, radius=5)
