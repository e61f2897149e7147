"""Decoded frames to upright sRGB pictures with square pixels: colours, alpha, pixel shape, display matrix, fields."""

import functools
import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import av.error
import av.filter
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter
from jaxtyping import Float, UInt8, UInt16

from physics_data.core.conventions import srgb_decode, srgb_encode

_PQ, _HLG = 16, 18
"""Transfer functions. Source: ITU-T H.273, table 3."""

_PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Chromaticities of BT.709, BT.2020 and P3-D65, all with white D65. Source: ITU-T H.273, table 2."""

_WHITE = 203.0
"""Luminance of reference white in HDR, cd/m². Source: ITU-R BT.2408."""

_KNEE = 0.6
"""Share of reference white from which on luminance is compressed; below it HDR keeps its luminance."""


class FrameConverter:
    """Turns the frames of one stream into sRGB pictures.

    Transparent pixels are put on black. HDR (PQ, HLG) is mapped to SDR: reference white becomes grey level 237,
    highlights are compressed above 60 % of it. BT.2020 and P3 colours are converted to those of sRGB, and clipped
    where sRGB has none. Pixels that are not square are made so along the width. The display matrix (rotation,
    mirroring) is applied in quarter turns.
    """

    def __init__(self, pixel_aspect: Fraction | None = None, threads: int = 1) -> None:
        self._aspect = pixel_aspect or Fraction(1)
        self._threads = threads
        self._reformatter = VideoReformatter()  # kept: setting one up costs more than converting a small frame

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height with square pixels, before the display matrix."""
        return max(1, round(width * self._aspect)), height

    def __call__(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        """Return the picture as it is to be looked at."""
        deep = frame.color_trc in (_PQ, _HLG) or frame.color_primaries in (9, 12)
        clear = any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"
        name = "rgb48le" if deep else "rgba" if clear else "rgb24"
        width, height = self.size(frame.width, frame.height)
        pixels = self._reformatter.reformat(
            frame, width=width, height=height, format=name, threads=self._threads
        ).to_ndarray()
        if deep:
            pixels = _to_srgb(pixels, frame.color_trc, frame.color_primaries)
        elif clear:
            pixels = _on_black(pixels)
        return _upright(pixels, frame)


def separate_fields(frames: Iterable[av.VideoFrame], stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Yield progressive frames as they are, and both fields of interlaced ones as pictures of their own moments.

    Source: the bwdif filter of FFmpeg, which fills in the lines between those of a field.
    """
    graph = None
    for frame in itertools.chain(frames, [None]):
        if graph is None and (frame is None or not frame.interlaced_frame or frame.height < 4 or frame.width < 3):
            if frame is not None:
                yield frame
            continue
        if graph is None:
            graph = _deinterlacer(stream)
        graph.push(frame)
        while True:
            try:
                pulled = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                break
            assert isinstance(pulled, av.VideoFrame)
            yield pulled


def _deinterlacer(stream: av.VideoStream) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add_buffer(template=stream),
        graph.add("bwdif", "mode=send_field:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _on_black(rgba: UInt8[np.ndarray, "h w 4"]) -> UInt8[np.ndarray, "h w 3"]:
    alpha = rgba[..., 3:]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(rgba[..., :3])
    return ((rgba[..., :3].astype(np.uint16) * alpha + 127) // 255).astype(np.uint8)


def _upright(pixels: np.ndarray, frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
    """Apply the quarter turn, with or without a mirror, that is nearest to the display matrix.

    The matrix maps a pixel (x, y) of the stored picture to (a x + c y, b x + d y) on the screen, x right, y down.
    """
    try:
        matrix = frame.side_data.get(Type.DISPLAYMATRIX.name)
    except ValueError:  # data of a kind that PyAV does not know hides the rest; the rotation is still told
        return np.ascontiguousarray(np.rot90(pixels, round((frame.rotation or 0) / 90) % 4))
    if matrix is None:
        return pixels
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), dtype=np.int32, count=9).astype(np.float64)
    if abs(a) + abs(d) < abs(b) + abs(c):  # x and y change places
        pixels, across, down = pixels.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def _to_srgb(rgb: UInt16[np.ndarray, "h w 3"], transfer: int, primaries: int) -> UInt8[np.ndarray, "h w 3"]:
    light = _light_table(transfer if transfer in (_PQ, _HLG) else 0)[rgb]
    light = light @ _to_bt709(primaries).T if primaries in _PRIMARIES else light
    if transfer == _HLG:  # scene to display light of a screen of 1000 cd/m²; source: ITU-R BT.2100, table 5
        luma = np.maximum(light @ np.array([0.2126, 0.7152, 0.0722], np.float32), 1e-6)
        light = light * (1000 / _WHITE * luma**0.2)[..., None]
    light = np.maximum(light, 0)
    if transfer in (_PQ, _HLG):
        peak = np.maximum(light.max(-1, keepdims=True), 1e-6)
        rolled = _KNEE + (1 - _KNEE) * (1 - np.exp(-(np.maximum(peak, _KNEE) - _KNEE) / (1 - _KNEE)))
        light = np.where(peak > _KNEE, light * (rolled / peak), light)
    return _srgb_table()[(np.minimum(light, 1) * 4095 + 0.5).astype(np.uint16)]


@functools.cache
def _light_table(transfer: int) -> Float[np.ndarray, "65536"]:
    """Return linear light for each code: of HDR in units of reference white, of HLG of the scene, else of 1."""
    code = np.linspace(0, 1, 65536)
    if transfer == _PQ:  # source: SMPTE ST 2084
        root = code ** (1 / 78.84375)
        light = (
            10_000 / _WHITE * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578)
        )
    elif transfer == _HLG:  # source: ITU-R BT.2100, table 5
        low, high = code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12
        light = np.where(code <= 0.5, low, high)
    else:
        light = srgb_decode(code)
    return light.astype(np.float32)


@functools.cache
def _srgb_table() -> UInt8[np.ndarray, "4096"]:
    """Return the grey level of each of 4096 steps of linear light."""
    return (srgb_encode(np.linspace(0, 1, 4096)) * 255).round().astype(np.uint8)


@functools.cache
def _to_bt709(primaries: int) -> Float[np.ndarray, "3 3"]:
    """Return the matrix from linear RGB of some primaries to that of BT.709. Source: SMPTE RP 177."""

    def to_xyz(chromaticities: tuple[tuple[float, float], ...]) -> np.ndarray:
        columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in chromaticities]).T
        white = np.array([0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290])
        return columns * np.linalg.solve(columns, white)

    return (np.linalg.solve(to_xyz(_PRIMARIES[1]), to_xyz(_PRIMARIES[primaries]))).astype(np.float32)
