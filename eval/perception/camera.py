"""How the camera moved: one homography from frame to frame, from points that most of the picture agrees on."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

_POINTS = 200
_MIN_POINTS = 16
_AGREEMENT = 0.5  # share of the points that must follow one model
_SPREAD = 0.3  # share of the picture that these points must span; fewer may sit on one thing
_STILL = 0.35  # pixels; what the corners move less than, over the whole video, is no camera motion
_GAIN = 0.75  # a motion is believed when the pictures then differ by less than this share of before
_SIDE = 320  # pixels; larger pictures are shrunk for the estimate
_SHAKE = 0.02  # of the longer side: what the corners move at most where a hand or the wind shakes the camera
_SHAKE_AGREEMENT, _SHAKE_GAIN = 0.35, 1.15  # share of the points; times as many must follow as stand still
_FITS = 0.3  # pixels of the estimate
_SHAKEN = 0.12  # pixels of the estimate; points that are displaced by less stand still


@dataclass(frozen=True)
class CameraMotion:
    """The camera's motion through a video.

    Units:
        to_first:  homography of each frame: its pixels → pixels of the first frame
        known:     False = no motion of the picture as a whole could be told; the frame is taken not to have moved
        moving:    whether the camera goes somewhere, so that the pictures need a canvas of their own
        shaking:   whether it trembles about one place; ``to_first`` then leads to the picture in the middle
        too_far:   whether it goes further than one canvas reaches; it is then taken to stand still
    """

    to_first: Float[np.ndarray, "t 3 3"]
    known: Bool[np.ndarray, "t"]
    moving: bool
    shaking: bool = False
    too_far: bool = False


def still_camera(num_frames: int, *, too_far: bool = False) -> CameraMotion:
    """Return the motion of a camera that stands still, or is taken to."""
    return CameraMotion(
        np.tile(np.eye(3), (num_frames, 1, 1)), np.full(num_frames, not too_far), False, too_far=too_far
    )


def estimate_camera(rgb: UInt8[np.ndarray, "t h w 3"]) -> CameraMotion:
    """Estimate the homography from every frame to the first, or to the one in the middle where the camera only shakes.

    Corners are followed from frame to frame (Lucas-Kanade); the model that most of them agree on (RANSAC) counts when
    it makes the two pictures markedly more alike. A plain picture has no corners but its objects', and then the camera
    is taken to stand still.

    Source: Lucas and Kanade (1981); Fischler and Bolles (1981), RANSAC.
    """
    height, width = rgb.shape[1:3]
    scale = min(1.0, _SIDE / max(height, width))
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb]
    if scale < 1:
        grey = [cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in grey]
    shrink = np.diag([scale, scale, 1.0])
    to_middle = _shake(grey)
    if to_middle is not None:
        to_middle = np.linalg.inv(shrink) @ to_middle @ shrink
        return CameraMotion(to_middle, np.ones(len(rgb), dtype=bool), False, True)
    total, chain, known = np.eye(3), [np.eye(3)], [True]
    for before, after in pairwise(grey):
        motion = _between(before, after)
        known.append(motion is not None)
        if motion is not None:
            total = total @ motion
        chain.append(total / total[2, 2])
    to_first = np.linalg.inv(shrink) @ np.array(chain) @ shrink
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    moved = np.array([apply(matrix, corners) - corners for matrix in to_first])
    moving = bool(np.linalg.norm(moved, axis=-1).max() > max(_STILL, 0.004 * max(height, width)))
    if moving and _better(grey, np.array(chain)):
        return CameraMotion(to_first, np.array(known), True)
    return CameraMotion(np.tile(np.eye(3), (len(rgb), 1, 1)), np.array(known), False)


def _shake(grey: list[np.ndarray]) -> Float[np.ndarray, "t 3 3"] | None:
    """Register every picture to the one in the middle, without a chain, where all lie close to it and some do not.

    None: the camera stands still, goes further, or not all pictures can be registered.
    """
    middle = grey[len(grey) // 2]
    points = cv2.goodFeaturesToTrack(middle, _POINTS, 0.01, max(4, max(middle.shape) // 40))
    if points is None or len(points) < _MIN_POINTS:
        return None
    sampled = np.linspace(0, len(grey) - 1, 9).round().astype(int)
    if max(_displacement(middle, grey[k], points) for k in sampled) < _SHAKEN:
        return None
    height, width = middle.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    found, fits, still = [], 0, 0
    for picture in grey:
        end, good = _followed(middle, picture, points)
        if good.sum() < _MIN_POINTS:
            return None
        cv2.setRNGSeed(0)
        start = points[good].reshape(-1, 2)
        affine, inliers = cv2.estimateAffinePartial2D(end[good], start, method=cv2.RANSAC, ransacReprojThreshold=0.8)
        if affine is None or inliers.mean() < _SHAKE_AGREEMENT:
            return None
        if cv2.contourArea(cv2.convexHull(start[inliers.ravel() > 0])) < _SPREAD * middle.size:
            return None
        matrix = np.vstack([affine, [0.0, 0.0, 1.0]])
        if np.linalg.norm(apply(matrix, corners) - corners, axis=-1).max() > _SHAKE * max(height, width):
            return None
        found.append(matrix)
        fits += int((np.linalg.norm(apply(matrix, end[good]) - start, axis=-1) < _FITS).sum())
        still += int((np.linalg.norm(end[good] - start, axis=-1) < _FITS).sum())
    return np.array(found) if fits > _SHAKE_GAIN * still else None


def _followed(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points of one picture are in another (Lucas-Kanade), and which were found."""
    found, status, _ = cv2.calcOpticalFlowPyrLK(  # pyright: ignore[reportCallIssue]
        before,
        after,
        points,
        None,  # pyright: ignore[reportArgumentType]
        winSize=(15, 15),
        maxLevel=3,
    )
    return found.reshape(-1, 2), status.ravel() == 1


def _displacement(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> float:
    end, good = _followed(before, after, points)
    if good.sum() < _MIN_POINTS:
        return 0.0
    return float(np.median(np.linalg.norm(end[good] - points[good].reshape(-1, 2), axis=-1)))


def _better(grey: list[np.ndarray], to_first: np.ndarray) -> bool:
    """Whether frames far apart are more alike along the chain than as they are; small errors of a chain add up."""
    height, width = grey[0].shape
    before, after = [], []
    for k in np.linspace(0, len(grey) - 1, 7).round().astype(int)[1:]:
        flat = np.full((height, width), 255, np.uint8)
        inside = cv2.warpPerspective(flat, to_first[k], (width, height), flags=cv2.INTER_NEAREST) > 0
        if inside.mean() > 0.3:
            warped = cv2.warpPerspective(grey[k], to_first[k], (width, height))
            before.append(float(cv2.absdiff(grey[0], grey[k])[inside].mean()))
            after.append(float(cv2.absdiff(grey[0], warped)[inside].mean()))
    return not before or float(np.sum(after)) < _GAIN * float(np.sum(before))


def apply(matrix: Float[np.ndarray, "3 3"], points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
    """Map points (x, y), pixels, through a homography."""
    homogeneous = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ matrix.T
    return homogeneous[..., :2] / homogeneous[..., 2:]


def _between(before: np.ndarray, after: np.ndarray) -> np.ndarray | None:
    """Homography from ``after`` to ``before``; the identity where nothing moves, None where nothing can be told."""
    difference = float(cv2.absdiff(before, after).mean())
    if difference < 0.05:
        return np.eye(3)
    points = cv2.goodFeaturesToTrack(after, _POINTS, 0.02, max(4, max(after.shape) // 40))
    if points is None or len(points) < _MIN_POINTS:
        return None
    found, good = _followed(after, before, points)
    if good.sum() < _MIN_POINTS:
        return None
    start, end = points[good].reshape(-1, 2), found[good]
    if np.median(np.linalg.norm(end - start, axis=-1)) < 0.05:
        return np.eye(3)
    cv2.setRNGSeed(0)
    affine, inliers = cv2.estimateAffine2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=0.8)
    if affine is None or inliers.mean() < _AGREEMENT:
        return None
    hull = cv2.convexHull(start[inliers.ravel() > 0])
    if cv2.contourArea(hull) < _SPREAD * after.size:
        return None
    matrix = np.vstack([affine, [0.0, 0.0, 1.0]])
    height, width = after.shape
    warped = cv2.warpPerspective(after, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    if float(cv2.absdiff(before, warped).mean()) > _GAIN * difference:
        return np.eye(3)
    return matrix
