"""Real clips made impossible: one moving thing is found, and erased, recoloured, doubled, moved, or run backwards.

An edit is made only where a person would see it: see ``find_mover``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

Video = UInt8[np.ndarray, "t h w 3"]

_THRESHOLD = 24
_MIN_SHARE = 0.001
_MAX_SHARE = 0.15
_CROWDED = 0.35
_SOLID = 0.55
_MIN_FRAMES = 6  # before and after the edit begins
_LONGEST = 24  # frames before and after; longer makes no edit better
_CONTRAST = 35.0  # grey levels between the thing and what is behind it
_TRAVEL = 1.0  # diameters that it moves in the frames around the edit's beginning
_UNCOVERED = 0.6  # share of the other frames in which its place shows the background
_ALONE = 0.1  # foreground within half a diameter of it, over its area
_CHANGE = 50.0  # grey levels by which a new colour differs
_SWOLLEN = 1.7  # times its diameter: 2.9 times its area
_PARTING = 10  # frames in which parts go apart
_CURVED = 0.15  # diameters by which its fall bends from a straight line in the frames around the edit's beginning


@dataclass(frozen=True)
class Mover:
    """One thing that moves before a still background.

    Units:
        masks:       True = the thing
        background:  sRGB, what the place looks like without it, at the exposure of each frame
        start:       frame in which an edit begins
    """

    masks: Bool[np.ndarray, "t h w"]
    background: Video
    start: int

    @property
    def frames(self) -> np.ndarray:
        """Frames in which it was found."""
        return np.flatnonzero(self.masks.any((1, 2)))

    @property
    def edited(self) -> np.ndarray:
        """Frames that an edit changes."""
        return self.frames[self.frames >= self.start]


def find_mover(rgb: Video) -> Mover | str:
    """Return the thing that can be edited best, or why there is none.

    Pixels that differ from the median picture, brought to the exposure of each frame, are foreground; pieces are
    linked from frame to frame by overlap of their grown outlines and likeness of size. Pieces at the picture's border
    end a thing. For six frames before and after the edit begins, a thing that is fit to be edited

    - differs from its background by 35 grey levels on average, and fills most of its convex hull,
    - moves by its own diameter,
    - is alone: within half a diameter there is next to nothing else that moves,
    - is at places that show the background in 60 % of the other frames, so that what is behind it is known.
    """
    background = _exposed(np.median(rgb, axis=0), rgb)
    difference = np.abs(rgb.astype(np.int16) - background).max(-1)
    foreground = difference > _THRESHOLD
    if foreground.mean() > _CROWDED:
        return "more than a third of the picture moves; the camera does, or the background is not seen"
    best, most, reasons = None, 0.0, ["nothing small moves before a still background"]
    for chain in _chains(foreground):
        if len(chain) < 2 * _MIN_FRAMES:
            continue
        for middle in range(_MIN_FRAMES, len(chain) - _MIN_FRAMES + 1, 3):
            worth = _worth(chain, middle, difference, foreground)
            if isinstance(worth, str):
                reasons.append(worth)
            elif worth > most:
                best, most = (chain, middle), worth
    if best is None:
        return max(set(reasons), key=reasons.count) if len(reasons) > 1 else reasons[0]
    chain, middle = best
    masks = np.zeros(rgb.shape[:3], bool)
    for frame, piece in chain:
        masks[frame] = piece
    return Mover(masks, background, chain[middle][0])


def _exposed(picture: np.ndarray, rgb: Video) -> Video:
    """The empty picture at the exposure of every frame: the median gain over its pixels, channel by channel."""
    reference = np.maximum(picture, 1.0)
    step = max(1, int(np.sqrt(picture.shape[0] * picture.shape[1] / 4000)))
    gains = [np.median(frame[::step, ::step] / reference[::step, ::step], axis=(0, 1)) for frame in rgb]
    return np.stack([np.rint(picture * gain).clip(0, 255).astype(np.uint8) for gain in gains])


Chain = list[tuple[int, np.ndarray]]


def _worth(chain: Chain, middle: int, difference: np.ndarray, foreground: np.ndarray) -> float | str:
    """How well a thing can be edited from one of its frames on: its frames times its contrast; or why it cannot."""
    near = chain[middle - _MIN_FRAMES : middle + _MIN_FRAMES]
    area = float(np.median([piece.sum() for _, piece in near]))
    diameter = 2 * np.sqrt(area / np.pi)
    ends = [np.array(ndimage.center_of_mass(near[k][1])) for k in (0, -1)]
    if np.linalg.norm(ends[1] - ends[0]) < _TRAVEL * diameter:
        return "what moves does so by less than its own size"
    contrast = float(np.mean([difference[frame][piece].mean() for frame, piece in near]))
    if contrast < _CONTRAST:
        return "what moves can hardly be told from its background"
    if np.median([_solidity(piece) for _, piece in near]) < _SOLID:
        return "what moves is found in parts only; its outline cannot be cut out"
    reach = max(2, round(0.5 * diameter))
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    for frame, piece in near[_MIN_FRAMES - 2 : _MIN_FRAMES + 2]:
        ring = (cv2.dilate(piece.astype(np.uint8), around) > 0) & ~cv2.dilate(
            piece.astype(np.uint8), np.ones((5, 5), np.uint8)
        ).astype(bool)
        if (foreground[frame] & ring).sum() > _ALONE * area:
            return "what moves touches other things that move"
    edited = chain[middle : middle + _LONGEST]
    shown = np.mean([1 - foreground[:, piece].mean() for _, piece in edited[:: max(1, len(edited) // 4)]])
    if shown < _UNCOVERED:
        return "what is behind the moving thing is not seen"
    before = min(middle, _LONGEST)
    return min(before, len(edited)) * contrast * np.sqrt(area)


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
        if inside and _MIN_SHARE <= area / picture.size <= _MAX_SHARE:
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


def erased(rgb: Video, mover: Mover) -> Video:
    """The thing is gone from a frame on; its place shows the background, its rim and shadow are painted over."""
    video = rgb.copy()
    for frame in mover.edited:
        video[frame] = _without(rgb[frame], mover.masks[frame], mover.background[frame])
    return video


def recoloured(rgb: Video, mover: Mover) -> Video | str:
    """The thing has the opposite hue from a frame on, as bright as it was, but at least half bright."""
    video = rgb.copy()
    for frame in mover.edited:
        hsv = cv2.cvtColor(rgb[frame], cv2.COLOR_RGB2HSV).astype(int)
        hue = np.median(hsv[..., 0][mover.masks[frame]])
        hsv[..., 0] = (round(float(hue)) + 90) % 180
        hsv[..., 1] = np.maximum(hsv[..., 1], 160)
        hsv[..., 2] = 100 + hsv[..., 2] * 155 // 255
        other = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
        video[frame] = _pasted(rgb[frame], other, mover.masks[frame])
    first = mover.edited[0]
    mask = mover.masks[first]
    change = np.abs(video[first][mask].mean(0) - rgb[first][mask].mean(0)).max()
    return video if change > _CHANGE else "its other colour is too like the first"


def doubled(rgb: Video, mover: Mover) -> Video | str:
    """A second one appears beside the thing and moves along with it."""
    offset = _free_offset(rgb, mover)
    return offset if isinstance(offset, str) else _with_copy(rgb, rgb, mover, offset)


def teleported(rgb: Video, mover: Mover) -> Video | str:
    """The thing jumps to another place between two frames and goes on from there."""
    offset = _free_offset(rgb, mover)
    return offset if isinstance(offset, str) else _with_copy(erased(rgb, mover), rgb, mover, offset)


def grown(rgb: Video, mover: Mover) -> Video:
    """The thing swells in place to ``_SWOLLEN`` times its diameter over the edited frames and goes on like that."""
    video, swelling = erased(rgb, mover), min(_LONGEST, len(mover.edited))
    for number, frame in enumerate(mover.edited):
        factor = 1 + (_SWOLLEN - 1) * min(1.0, (number + 1) / swelling)
        _put(video, rgb, mover, frame, frame, factor, (0.0, 0.0))
    return video


def split(rgb: Video, mover: Mover) -> Video | str:
    """The thing becomes two of half its area; they move apart by a diameter and a half each, across or along."""
    area = float(np.median(mover.masks[mover.edited].sum((1, 2))))
    away = 1.5 * 2 * np.sqrt(area / np.pi)
    union = mover.masks[mover.edited].any(0)
    for axis in (0, 1):
        taken = np.flatnonzero((union if axis == 0 else union.T).any(0))
        if taken[0] - away >= 3 and taken[-1] + away <= union.shape[1 - axis] - 4:
            break
    else:
        return "there is no room for its parts"
    video = erased(rgb, mover)
    for number, frame in enumerate(mover.edited):
        gone = away * min(1.0, (number + 1) / _PARTING)
        for sign in (-1, 1):
            _put(video, rgb, mover, frame, frame, np.sqrt(0.5), (sign * gone * (1 - axis), sign * gone * axis))
    return video


def frozen(rgb: Video, mover: Mover) -> Video | str:
    """A thing that falls stands in the air from a frame on, to the end of the clip."""
    places = [ndimage.center_of_mass(mover.masks[k]) for k in mover.frames]
    down = np.array([place[0] for place in places])
    near = np.abs(mover.frames - mover.start) <= _MIN_FRAMES
    bend = np.polyfit(mover.frames[near] - mover.start, down[near], 2)
    diameter = 2 * np.sqrt(float(mover.masks[mover.start].sum()) / np.pi)
    if bend[0] <= 0 or bend[0] * near.sum() ** 2 / 4 < _CURVED * diameter:
        return "what moves is not seen to fall"
    video = erased(rgb, mover)
    for frame in range(mover.start, len(rgb)):
        _put(video, rgb, mover, frame, mover.start, 1.0, (0.0, 0.0))
    return video


def reversed_in_time(rgb: Video, mover: Mover) -> Video:
    """The whole clip runs backwards."""
    return np.ascontiguousarray(rgb[::-1])


Edit = Callable[[Video, Mover], Video | str]

EDITS: dict[str, Edit] = {
    "erase": erased,
    "recolour": recoloured,
    "duplicate": doubled,
    "teleport": teleported,
    "grow": grown,
    "split": split,
    "freeze": frozen,
    "reverse": reversed_in_time,
}
"""Name → edit; a sentence instead of a video says why the thing cannot be edited so that it would be seen."""


def _put(
    video: Video, rgb: Video, mover: Mover, frame: int, source: int, factor: float, shift: tuple[float, float]
) -> None:
    """Draw the thing of frame ``source`` into another frame, scaled about its centre and shifted by (right, down)."""
    height, width = rgb.shape[1:3]
    mask = mover.masks[source].astype(np.uint8)
    rows, columns = np.nonzero(mask)
    row, column = float(rows.mean()), float(columns.mean())
    move = np.array(
        [[factor, 0, (1 - factor) * column + shift[0]], [0, factor, (1 - factor) * row + shift[1]]], np.float32
    )
    place = cv2.warpAffine(mask, move, (width, height)) > 0
    video[frame] = _pasted(video[frame], cv2.warpAffine(rgb[source], move, (width, height)), place)


def _without(picture: np.ndarray, mask: np.ndarray, background: np.ndarray) -> np.ndarray:
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8))
    filled = _pasted(picture, background, grown > 0)
    rim = cv2.morphologyEx(grown, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return cv2.inpaint(filled, rim, 3, cv2.INPAINT_TELEA)


def _pasted(picture: np.ndarray, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    soft = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0)[..., None]
    return np.rint(soft * other + (1 - soft) * picture).astype(np.uint8)


def _free_offset(rgb: Video, mover: Mover) -> Float[np.ndarray, "2"] | str:
    """Where a copy has room and covers nothing that moves: (down, right), pixels; or that there is no such place.

    Tried are eight directions, each at a sixth of the picture or two and three sizes of the thing.
    """
    height, width = mover.masks.shape[1:]
    size = float(np.sqrt(mover.masks.sum((1, 2)).max()))
    union = mover.masks[mover.edited].any(0)
    rows, columns = np.nonzero(union)
    moving = (np.abs(rgb[mover.edited].astype(np.int16) - mover.background[mover.edited]).max(-1) > _THRESHOLD).any(0)
    found = []
    for step in (max(width / 6, 2 * size), 3 * size, 2 * size):
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (-0.7, -0.7)):
            dy, dx = round(down * step), round(right * step)
            room = min(
                rows.min() + dy, height - 1 - rows.max() - dy, columns.min() + dx, width - 1 - columns.max() - dx
            )
            if room < 3:
                continue
            move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            place = cv2.warpAffine(np.asarray(union, np.uint8), move, (width, height)) > 0
            found.append((float((moving & place & ~union).sum()) / place.sum(), -step, dy, dx))
    if not found or min(found)[0] > 0.05:
        return "there is no room for a second one"
    return np.array(min(found)[2:], dtype=np.float64)


def _with_copy(onto: Video, source: Video, mover: Mover, offset: np.ndarray) -> Video:
    video = onto.copy()
    height, width = source.shape[1:3]
    move = np.array([[1, 0, offset[1]], [0, 1, offset[0]]], np.float32)
    for frame in mover.edited:
        mask = cv2.warpAffine(np.asarray(mover.masks[frame], np.uint8), move, (width, height)) > 0
        video[frame] = _pasted(onto[frame], cv2.warpAffine(source[frame], move, (width, height)), mask)
    return video
