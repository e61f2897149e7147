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


@dataclass(frozen=True)
class CameraMotion:
    """The camera's motion through a video.

    Units:
        to_first:  homography of each frame: its pixels → pixels of the first frame
        known:     False = no motion of the picture as a whole could be told; the frame is taken not to have moved
        moving:    whether the picture's corners move at all
    """

    to_first: Float[np.ndarray, "t 3 3"]
    known: Bool[np.ndarray, "t"]
    moving: bool


def still_camera(num_frames: int) -> CameraMotion:
    """Return the motion of a camera that stands still."""
    return CameraMotion(np.tile(np.eye(3), (num_frames, 1, 1)), np.ones(num_frames, dtype=bool), False)


def estimate_camera(rgb: UInt8[np.ndarray, "t h w 3"]) -> CameraMotion:
    """Estimate the homography from every frame to the first.

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
    total, chain, known = np.eye(3), [np.eye(3)], [True]
    for before, after in pairwise(grey):
        motion = _between(before, after)
        known.append(motion is not None)
        if motion is not None:
            total = total @ motion
        chain.append(total / total[2, 2])
    shrink = np.diag([scale, scale, 1.0])
    to_first = np.linalg.inv(shrink) @ np.array(chain) @ shrink
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    moved = np.array([apply(matrix, corners) - corners for matrix in to_first])
    moving = bool(np.linalg.norm(moved, axis=-1).max() > max(_STILL, 0.004 * max(height, width)))
    if not moving or not _better(grey, np.array(chain)):
        return CameraMotion(np.tile(np.eye(3), (len(rgb), 1, 1)), np.array(known), False)
    return CameraMotion(to_first, np.array(known), True)


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
    found, status, _ = cv2.calcOpticalFlowPyrLK(  # pyright: ignore[reportCallIssue]
        after,
        before,
        points,
        None,  # pyright: ignore[reportArgumentType]
        winSize=(15, 15),
        maxLevel=3,
    )
    good = status.ravel() == 1
    if good.sum() < _MIN_POINTS:
        return None
    start, end = points[good].reshape(-1, 2), found[good].reshape(-1, 2)
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
