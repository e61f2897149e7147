"""Real clips made impossible: one moving thing is found, and erased, recoloured, doubled, moved, or run backwards."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

Video = UInt8[np.ndarray, "t h w 3"]

_THRESHOLD = 24
_LEAST_SHARE = 0.0006
_MOST_SHARE = 0.08
_LEAST_FRAMES = 10
_CROWDED = 0.35
_SOLID = 0.55


@dataclass(frozen=True)
class Mover:
    """One thing that moves before a still background.

    Units:
        masks:       True = the thing
        background:  sRGB, what the place looks like without it
    """

    masks: Bool[np.ndarray, "t h w"]
    background: UInt8[np.ndarray, "h w 3"]

    @property
    def frames(self) -> np.ndarray:
        """Frames in which it was found."""
        return np.flatnonzero(self.masks.any((1, 2)))


def find_mover(rgb: Video) -> Mover | str:
    """Return the thing that moves longest and farthest, or why there is none that could be edited.

    Pixels that differ from the median picture are foreground; pieces are linked from frame to frame by overlap of
    their grown outlines and likeness of size. Pieces at the picture's border end a thing.
    """
    background = np.median(rgb, axis=0).astype(np.uint8)
    difference = np.abs(rgb.astype(np.int16) - background).max(-1) > _THRESHOLD
    if difference.mean() > _CROWDED:
        return "more than a third of the picture moves; the camera does, or the background is not seen"
    chains = _chains(difference)
    best = max(chains, key=lambda chain: _reach(chain) * len(chain), default=[])
    if len(best) < _LEAST_FRAMES or _reach(best) < 0.08 * rgb.shape[1]:
        return "nothing small moves far before a still background"
    if float(np.median([_solidity(piece) for _, piece in best])) < _SOLID:
        return "what moves is found in parts only; its outline cannot be cut out"
    masks = np.zeros(rgb.shape[:3], bool)
    for frame, piece in best:
        masks[frame] = piece
    return Mover(masks, background)


Chain = list[tuple[int, np.ndarray]]


def _chains(difference: np.ndarray) -> list[Chain]:
    ended: list[Chain] = []
    running: list[Chain] = []
    for frame, picture in enumerate(difference):
        pieces = _pieces(picture)
        taken: set[int] = set()
        for chain in list(running):
            last_frame, last = chain[-1]
            match = _continuation(last, pieces, taken)
            if match is not None and last_frame == frame - 1:
                taken.add(match)
                chain.append((frame, pieces[match]))
            else:
                running.remove(chain)
                ended.append(chain)
        running += [[(frame, piece)] for number, piece in enumerate(pieces) if number not in taken]
    return ended + running


def _pieces(picture: np.ndarray) -> list[np.ndarray]:
    solid = cv2.morphologyEx(picture.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    height, width = picture.shape
    found = []
    for number in range(1, count):
        left, top, across, down, area = stats[number]
        inside = left > 0 and top > 0 and left + across < width and top + down < height
        if inside and _LEAST_SHARE <= area / picture.size <= _MOST_SHARE:
            found.append(labels == number)
    return found


def _continuation(last: np.ndarray, pieces: list[np.ndarray], taken: set[int]) -> int | None:
    reach = max(3, round(1.2 * np.sqrt(last.sum() / np.pi)))
    near = cv2.dilate(last.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    area = last.sum()
    likely = [
        (int((piece & near).sum()), number)
        for number, piece in enumerate(pieces)
        if number not in taken and 0.5 < piece.sum() / area < 2.0 and (piece & near).any()
    ]
    return max(likely)[1] if likely else None


def _solidity(piece: np.ndarray) -> float:
    """Share of its convex hull that a piece fills."""
    points = np.argwhere(piece)[:, None, ::-1].astype(np.int32)
    return float(piece.sum() / max(cv2.contourArea(cv2.convexHull(points)), 1.0))


def _reach(chain: Chain) -> float:
    if not chain:
        return 0.0
    centres = np.array([ndimage.center_of_mass(piece) for _, piece in chain])
    return float(np.linalg.norm(np.ptp(centres, axis=0)))


def erased(rgb: Video, mover: Mover, start: int) -> Video:
    """The thing is gone from a frame on; its place shows the background, its rim and shadow are painted over."""
    video = rgb.copy()
    for frame in mover.frames[mover.frames >= start]:
        video[frame] = _without(rgb[frame], mover.masks[frame], mover.background)
    return video


def recoloured(rgb: Video, mover: Mover, start: int) -> Video:
    """The thing has the opposite hue, or is dark where it has none, from a frame on."""
    video = rgb.copy()
    for frame in mover.frames[mover.frames >= start]:
        hsv = cv2.cvtColor(rgb[frame], cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + 90) % 180
        hsv[..., 1] = np.maximum(hsv[..., 1], 160)
        other = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        video[frame] = _pasted(rgb[frame], other, mover.masks[frame])
    return video


def doubled(rgb: Video, mover: Mover, start: int) -> Video:
    """A second one appears beside the thing and moves along with it."""
    offset = _free_offset(mover)
    return _with_copy(rgb, rgb, mover, start, offset)


def teleported(rgb: Video, mover: Mover, start: int) -> Video:
    """The thing jumps to another place between two frames and goes on from there."""
    return _with_copy(erased(rgb, mover, start), rgb, mover, start, _free_offset(mover))


def reversed_in_time(rgb: Video, mover: Mover, start: int) -> Video:
    """The whole clip runs backwards."""
    return np.ascontiguousarray(rgb[::-1])


Edit = Callable[[Video, Mover, int], Video]

EDITS: dict[str, Edit] = {
    "erase": erased,
    "recolour": recoloured,
    "duplicate": doubled,
    "teleport": teleported,
    "reverse": reversed_in_time,
}


def middle_of(mover: Mover) -> int:
    """Return the frame in which an edit begins: the middle of those that show the thing."""
    return int(mover.frames[len(mover.frames) // 2])


def _without(picture: np.ndarray, mask: np.ndarray, background: np.ndarray) -> np.ndarray:
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8))
    filled = _pasted(picture, background, grown > 0)
    rim = cv2.morphologyEx(grown, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return cv2.inpaint(filled, rim, 3, cv2.INPAINT_TELEA)


def _pasted(picture: np.ndarray, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    soft = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0)[..., None]
    return np.rint(soft * other + (1 - soft) * picture).astype(np.uint8)


def _free_offset(mover: Mover) -> Float[np.ndarray, "2"]:
    """Where a copy has room in every frame: (down, right), a sixth of the picture or two sizes of the thing, pixels."""
    height, width = mover.masks.shape[1:]
    rows, columns = np.nonzero(mover.masks.any(0))
    step = max(width / 6, 2 * float(np.sqrt(mover.masks.sum((1, 2)).max())))
    rooms = {
        (0.0, -step): columns.min(),
        (0.0, step): width - columns.max(),
        (-step, 0.0): rows.min(),
        (step, 0.0): height - rows.max(),
    }
    offset, _ = max(rooms.items(), key=lambda item: item[1])
    return np.array(offset)


def _with_copy(onto: Video, source: Video, mover: Mover, start: int, offset: np.ndarray) -> Video:
    video = onto.copy()
    height, width = source.shape[1:3]
    move = np.array([[1, 0, offset[1]], [0, 1, offset[0]]], np.float32)
    for frame in mover.frames[mover.frames >= start]:
        mask = cv2.warpAffine(mover.masks[frame].astype(np.uint8), move, (width, height)) > 0
        video[frame] = _pasted(onto[frame], cv2.warpAffine(source[frame], move, (width, height)), mask)
    return video
