"""A video taken apart without any knowledge of it: the camera's motion, the empty scene, and what is in front of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from eval.perception.background_model import FreeBackground, model_free_background
from eval.perception.camera import CameraMotion, apply, estimate_camera, still_camera
from eval.perception.colors import largest, without_specks

_LARGEST_CANVAS = 3.0  # canvas area in pictures
_HALF = 0.5  # contrast of a rim pixel over its neighbours': less, and the thing covers less than half of it
_CONTRAST = 16.0  # grey levels; less than this is no thing
_DARKEST_SHADOW, _SHADOW_TINT = 0.3, 10.0
_DARK_THING = 0.55  # darker than this share of what is behind: a thing, if it is compact and casts itself
_DARKEST_SIZE = 1e-4  # of the picture: less is noise
_COMPACT = 0.6  # area over that of its box
_DARK, _BRIGHT = 20, 235  # grey levels between which a ratio tells a gain; below is noise, above is clipped
_CLIPPED = 250  # grey levels from which on a channel may be clipped
_STEADY = 3.0  # grey levels: a drift that compression alone makes; less is left as it is


@dataclass(frozen=True)
class Scene:
    """A video registered on one canvas. Canvas pixel = picture pixel through ``to_canvas`` of its frame.

    Units:
        video:       sRGB
        valid:       True = the frame shows this part of the canvas; None = always
        background:       the empty scene
        foreground:  1 = something is in front of the background
        to_canvas:   homography of each frame
        camera:      how the camera moved
        size:        (height, width) of the picture, pixels
    """

    video: UInt8[np.ndarray, "t h w 3"]
    valid: Bool[np.ndarray, "t h w"] | None
    background: FreeBackground
    foreground: UInt8[np.ndarray, "t h w"]
    to_canvas: Float[np.ndarray, "t 3 3"]
    camera: CameraMotion
    size: tuple[int, int]

    def in_picture(self, labels: UInt8[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "t h0 w0"]:
        """Bring labels from the canvas back to the pictures."""
        if not self.camera.moving:
            return labels
        height, width = self.size
        back = np.linalg.inv(self.to_canvas)
        warped = [
            cv2.warpPerspective(frame, matrix, (width, height), flags=cv2.INTER_NEAREST)
            for frame, matrix in zip(labels, back, strict=True)
        ]
        return np.stack(warped)


def _gains(rgb: UInt8[np.ndarray, "t h w 3"]) -> Float[np.ndarray, "t 3"]:
    """Return the gain of every frame and channel over the frame in the middle: the median ratio of its pixels."""
    step = max(1, int(np.sqrt(rgb.shape[1] * rgb.shape[2] / 4000)))
    small = rgb[:, ::step, ::step].reshape(len(rgb), -1, 3).astype(np.float32)
    middle = small[len(rgb) // 2]
    gains = np.ones((len(rgb), 3))
    for channel in range(3):
        usable = (middle[:, channel] > _DARK) & (middle[:, channel] < _BRIGHT)
        if usable.sum() < 100:
            continue
        found = np.median(small[:, usable, channel] / middle[usable, channel], axis=1)
        left = np.abs(small[..., channel] / np.clip(found, 0.2, 5.0)[:, None] - middle[:, channel])
        # In a dark picture a few levels of noise look like a gain; a gain that explains nothing is none.
        if np.median(left) < 0.5 * np.median(np.abs(small[..., channel] - middle[:, channel])):
            gains[:, channel] = found
    return gains


def colour_drift(rgb: UInt8[np.ndarray, "t h w 3"]) -> float:
    """Return by how much the tint of the whole picture changes over a video, grey levels at mid-grey.

    Tint is the share of each channel in the sum of the three, and its change is the median over the brighter half of
    the pixels; in dark ones a few levels are a tint. Exposure is left out: cameras adapt it, by half in a second, and
    all channels then change alike.
    """
    step = max(1, int(np.sqrt(rgb.shape[1] * rgb.shape[2] / 4000)))
    small = rgb[:, ::step, ::step].reshape(len(rgb), -1, 3).astype(np.float32)
    light = small[len(rgb) // 2].sum(-1)
    chosen = small[:, (light >= np.median(light)) & (small.max((0, 2)) < _CLIPPED)]
    if chosen.shape[1] < 50:
        return 0.0
    tint = chosen / np.maximum(chosen.sum(-1, keepdims=True), 1.0)
    change = np.median(tint - tint[len(rgb) // 2], axis=1)
    return 3 * 128.0 * float(np.ptp(change, axis=0).max())


def registered_colours(rgb: UInt8[np.ndarray, "t h w 3"]) -> UInt8[np.ndarray, "t h w 3"]:
    """Bring every frame to the exposure and the colours of the middle one, where they drift at all."""
    gains = _gains(rgb)
    if 128.0 * float(np.ptp(gains, axis=0).max()) < _STEADY:
        return rgb
    levels = np.arange(256)[None, :, None]
    tables = np.clip(np.rint(levels / np.clip(gains[:, None], 0.2, 5.0)), 0, 255).astype(np.uint8)
    return np.stack([cv2.LUT(frame, table[None]) for frame, table in zip(rgb, tables, strict=True)])


def take_apart(rgb: UInt8[np.ndarray, "t h w 3"]) -> Scene:
    """Estimate camera, background and foreground; a camera that swings too far for one canvas counts as still."""
    rgb = registered_colours(rgb)
    camera = estimate_camera(rgb)
    height, width = rgb.shape[1:3]
    to_canvas, (canvas_height, canvas_width) = _canvas(camera, height, width)
    if canvas_height * canvas_width > _LARGEST_CANVAS * height * width:
        camera = still_camera(len(rgb), too_far=True)
        to_canvas, (canvas_height, canvas_width) = _canvas(camera, height, width)
    video, valid = rgb, None
    if camera.shaking:
        video = np.stack([_steadied(frame, matrix) for frame, matrix in zip(rgb, to_canvas, strict=True)])
    if camera.moving:
        size = (canvas_width, canvas_height)
        inside = np.full((height, width), 255, np.uint8)
        video = np.stack([cv2.warpPerspective(f, m, size) for f, m in zip(rgb, to_canvas, strict=True)])
        valid = np.stack([cv2.warpPerspective(inside, m, size, flags=cv2.INTER_NEAREST) > 0 for m in to_canvas])
    background = model_free_background(video, valid)
    low = high = background.picture
    if camera.moving or camera.shaking:  # registration may be a pixel off: a neighbour of the background will do
        low, high = (change(background.picture, np.ones((3, 3))) for change in (cv2.erode, cv2.dilate))
    foreground = np.stack([_foreground(frame, background, low, high) for frame in video])
    if valid is not None:
        foreground[~valid] = 0
    return Scene(video, valid, background, foreground, to_canvas, camera, (height, width))


def _steadied(frame: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Bring a picture of a shaking camera to its place; what comes in at the border repeats the rim."""
    size = (frame.shape[1], frame.shape[0])
    return cv2.warpAffine(frame, matrix[:2], size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _dark_things(darkness: np.ndarray, bright: np.ndarray) -> np.ndarray:
    """Return pixels taken for shadow that are dark things: compact, much darker than shadows, no caster beside.

    darkness:  2 = much darker than behind, 1 = darker, 0 = neither
    bright:    what is no shadow
    """
    found = np.zeros(bright.shape, bool)
    dark = without_specks((darkness == 2).astype(np.uint8))
    if not dark.any():
        return found
    around = cv2.morphologyEx(dark | bright.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(around, connectivity=8)
    deep = np.bincount(numbered[dark > 0], minlength=count)
    full = np.bincount(numbered[bright], minlength=count)
    soft = cv2.dilate(around, np.ones((5, 5), np.uint8)) & (darkness == 1)
    halo = np.bincount(cv2.dilate(numbered.astype(np.uint16), np.ones((5, 5), np.uint8))[soft > 0], minlength=count)
    smallest = _DARKEST_SIZE * bright.size
    for number in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[number])
        if deep[number] < max(smallest, 2 * full[number]) or halo[number] > 0.5 * area:
            continue
        if area > _COMPACT * width * height and 0.4 < width / height < 2.5:
            window = np.s_[top : top + height, left : left + width]
            found[window] |= numbered[window] == number
    return found


def _canvas(camera: CameraMotion, height: int, width: int) -> tuple[np.ndarray, tuple[int, int]]:
    if not camera.moving:
        return camera.to_first, (height, width)
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    reached = np.array([apply(matrix, corners) for matrix in camera.to_first]).reshape(-1, 2)
    low, high = np.floor(reached.min(0)), np.ceil(reached.max(0))
    shift = np.array([[1.0, 0.0, -low[0]], [0.0, 1.0, -low[1]], [0.0, 0.0, 1.0]])
    return shift @ camera.to_first, (int(high[1] - low[1]), int(high[0] - low[0]))


def _foreground(frame: np.ndarray, background: FreeBackground, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Pixels that differ from what the background may be, low to high, by more than noise and than a shadow does."""
    picture = background.picture
    pixels = frame.astype(np.float32)
    difference = largest(cv2.absdiff(pixels, picture) if low is high else cv2.max(low - pixels, pixels - high))
    candidates = difference > np.maximum(_CONTRAST, 5 * background.noise)
    if not candidates.any():
        return candidates.astype(np.uint8)
    here, behind = pixels[candidates], picture[candidates]
    factor = np.clip((here * behind).sum(-1) / np.maximum((behind * behind).sum(-1), 1.0), 0.0, 1.0)
    tint = np.sqrt(((here - factor[:, None] * behind) ** 2).sum(-1))
    shadow = (factor > _DARKEST_SHADOW) & (factor < 0.97) & (tint < _SHADOW_TINT)
    darkness = np.zeros(candidates.shape, np.uint8)
    darkness[candidates] = np.where(shadow, np.where(factor < _DARK_THING, 2, 1), 0)
    candidates[candidates] = ~shadow
    candidates |= _dark_things(darkness, candidates)
    found = candidates.astype(np.uint8)
    square = np.ones((3, 3), np.uint8)
    rim = candidates & (cv2.erode(found, square) == 0)
    found[rim & (difference < _HALF * cv2.dilate(difference, square))] = 0
    return found
