"""Measures of one continued clip against its truth, and the Fréchet distance between sets of clips."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.optimize import linear_sum_assignment

from benchmarks.ablation.ablation_config import COLUMNS
from eval.inputs import AlignedVideo, resize
from eval.metrics import METRICS
from eval.metrics.identity import Identity, changes, clear_frames
from eval.metrics.motion_skill import derivative
from eval.metrics.visibility import Survival, alike, due, uncalled
from eval.perception.tracks import Tracks
from eval.public.pixels import psnr, ssim
from eval.reference import Reference
from eval.scoring import track_video

SURVIVES = 0.5
"""Below this survival a scene counts as a failure of permanence."""

LOST_DIAMETERS = 2.0
"""Largest position error of a frame, and that of an object that is not found, diameters."""

LOST_SPEED = 0.5
"""Largest velocity error of a frame, and that of an object that is not found, diameters per frame."""

MIN_SPEED = 0.02
"""Below this a thing counts as standing still, diameters per frame."""

FLICKER = 8.0
"""Change of a pixel from frame to frame that is no motion, grey levels."""

_FAINT = 0.05
"""Least energy that is compared, grey levels: what is below it is still, or flat."""


def measure_clip(
    reference: Reference, video: AlignedVideo, num_conditioning_frames: int, columns: tuple[str, ...]
) -> dict[str, float | None]:
    """Return column → value; None where it does not apply.

    The reference alone decides that, but for what is only known of things that are found: their colour, area and gain
    of speed.
    """
    tracks = track_video(reference, video)
    made = {
        **_permanence(reference, tracks, columns),
        **_looks(reference, tracks),
        **_paths(reference, tracks, num_conditioning_frames),
        **_pixels(reference.clip.rgb, video.rgb, num_conditioning_frames),
    }
    return {name: made[name] if COLUMNS[name].metric is None else _metric(name, reference, tracks) for name in columns}


def _metric(column: str, reference: Reference, tracks: Tracks) -> float | None:
    name = COLUMNS[column].metric
    assert name is not None
    metric = METRICS.get(name)()
    if metric.refuses(reference) is not None:
        return None
    value = float(metric.score(reference, tracks))
    return value if np.isfinite(value) else metric.info.worst


def _permanence(reference: Reference, tracks: Tracks, columns: tuple[str, ...]) -> dict[str, float | None]:
    if Survival().refuses(reference) is not None:
        return dict.fromkeys(("permanence_failure", "lost_share", "identity_error", "identity_switches"))
    survival = Survival().score(reference, tracks)
    return {
        "permanence_failure": float(survival < SURVIVES),
        "lost_share": 1.0 - survival,
        "identity_error": 1.0 - Identity().score(reference, tracks),
        "identity_switches": float(identity_switches(reference, tracks)),
    }


def _looks(reference: Reference, tracks: Tracks) -> dict[str, float | None]:
    """Return how far area and colour of what is found go away from what they were, beyond the truth's own change."""
    found = [
        changes(reference, number, frames, tracks.of(reference.tracked[number]))
        for number, frames in clear_frames(reference).items()
    ]
    areas, colors = (np.concatenate([one[part] for one in found] or [np.zeros(0)]) for part in (0, 1))
    if not len(areas):
        return dict.fromkeys(("color_error", "size_error"))
    return {"color_error": float(colors.mean()), "size_error": float(np.abs(areas).mean() / np.log(2.0))}


def _paths(reference: Reference, tracks: Tracks, num_conditioning_frames: int) -> dict[str, float | None]:
    """Return the mean errors of place and velocity over all objects, in the frames after the given ones."""
    spec, _, _ = reference.clip.labelled
    places: list[float] = []
    speeds: list[float] = []
    gains: list[float] = []
    for number, name in reference.present_at_start.items():
        outline, track = reference.silhouette(number), tracks.of(name)
        frames = np.flatnonzero(reference.clear(number))
        frames = frames[frames >= num_conditioning_frames]
        if not len(frames):
            continue
        known = track.whole[frames] & np.isfinite(track.centroid[frames]).all(axis=1)
        off = (track.centroid[frames] - outline.centroid[frames]) / outline.diameter
        off = np.where(known[:, None], off, 0.0)
        places += np.where(known, np.minimum(np.hypot(*off.T), LOST_DIAMETERS), LOST_DIAMETERS).tolist()
        times = np.array(spec.seconds)[frames] * spec.frame_rate
        speeds += _speed_errors(off, times, frames, known)
        gains += _speed_gain(outline.centroid[frames] / outline.diameter, off, times, frames, known)
    return {
        "position_error": float(np.mean(places)) if places else None,
        "velocity_error": float(np.mean(speeds)) if speeds else None,
        "speed_gain": float(np.mean(gains)) if gains else None,
    }


def _speed_errors(
    off: Float[np.ndarray, "n 2"], times: Float[np.ndarray, "n"], frames: Int[np.ndarray, "n"], known: np.ndarray
) -> list[float]:
    """Return the error of velocity where the truth fills the window; ``off`` in diameters, times in frames."""
    asked = np.isfinite(derivative(off, times, frames, np.ones_like(known), order=1)).all(axis=1)
    error = np.hypot(*derivative(off, times, frames, known, order=1).T)
    return np.where(np.isfinite(error), np.minimum(error, LOST_SPEED), LOST_SPEED)[asked].tolist()


def _speed_gain(
    true: Float[np.ndarray, "n 2"],
    off: Float[np.ndarray, "n 2"],
    times: Float[np.ndarray, "n"],
    frames: Int[np.ndarray, "n"],
    known: np.ndarray,
) -> list[float]:
    """Return log2 of the mean speed made over the true one, of an object that is found and truly moves; else nothing.

    Speed is the length of the mean velocity of the frames in which both are known: what trembles gains none.
    """
    made, meant = (derivative(path, times, frames, known, order=1) for path in (true + off, true))
    both = np.isfinite(made).all(1) & np.isfinite(meant).all(1)
    if not both.any():
        return []
    speeds = [float(np.hypot(*velocity[both].mean(0))) for velocity in (made, meant)]
    if speeds[1] < MIN_SPEED:
        return []
    return [float(np.log2(max(speeds[0], MIN_SPEED) / speeds[1]))]


def _pixels(
    true: UInt8[np.ndarray, "t h w 3"], made: UInt8[np.ndarray, "t h w 3"], num_conditioning_frames: int
) -> dict[str, float | None]:
    """Return how near the made frames are to the true ones, and whether they move and have edges as these do."""
    a, b = true[num_conditioning_frames:], made[num_conditioning_frames:]
    steps = [np.abs(np.diff(x[num_conditioning_frames - 1 :].astype(np.float64), axis=0)) for x in (true, made)]
    moves = [float(np.maximum(step - FLICKER, 0.0).mean()) for step in steps]
    edges = [
        float(np.abs(np.diff(x.astype(np.float64), axis=1)).mean() + np.abs(np.diff(x.astype(float), axis=2)).mean())
        for x in (a, b)
    ]
    return {"psnr": psnr(a, b), "ssim": ssim(a, b), "stillness": _off(moves), "blur": _off(edges)}


def _off(energies: list[float]) -> float:
    true, made = (max(energy, _FAINT) for energy in energies)
    return abs(float(np.log2(made / true)))


STRANGER = -1
"""What stands for every piece of a picture that is no object of the first frame."""

_GATE = 1.0
_BIRTH_LABEL = 255


def identity_switches(reference: Reference, tracks: Tracks) -> int:
    """Count, over all objects, the times at which another one, or a stranger, is found in its place.

    In each frame the pieces found are matched with the objects due at the least total distance, none over a diameter
    away. A switch is a match with another identity than that of the object's last match; before its first one an object
    is itself. Objects of one colour are one identity. What is lost is no switch: ``survival`` counts it.

    Source: mismatches of CLEAR MOT, Bernardin, Stiefelhagen (2008), EURASIP Journal on Image and Video Processing.
    """
    groups, names = alike(reference), reference.tracked
    identity = {number: groups[names[number]] for number in due(reference)}
    last, count = dict(identity), 0
    strange = uncalled(reference, tracks)
    for frame in range(len(tracks.seconds)):
        true = [number for number, visible in due(reference).items() if visible[frame]]
        places, found = _pieces(reference, tracks, frame, bool(strange[frame]))
        if not true or not found:
            continue
        outlines = [reference.silhouette(number) for number in true]
        wanted = np.array([outline.centroid[frame] for outline in outlines])
        size = np.array([outline.diameter for outline in outlines])
        distance = np.linalg.norm(wanted[:, None] - places[None], axis=-1) / size[:, None]
        for row, column in zip(*linear_sum_assignment(np.minimum(distance, 2 * _GATE)), strict=True):
            if distance[row, column] <= _GATE:
                count += found[column] != last[true[row]]
                last[true[row]] = found[column]
    return count


def _pieces(
    reference: Reference, tracks: Tracks, frame: int, with_strangers: bool
) -> tuple[Float[np.ndarray, "n 2"], list[int]]:
    """Return centroids, pixels, and identities of all that is found in a frame."""
    groups = alike(reference)
    seen = [track for track in tracks.tracks if track.presence[frame]]
    places = [track.centroid[frame] for track in seen]
    found = [groups[track.name] for track in seen]
    if with_strangers:
        strangers = _centroids(tracks.labels[frame])
        places, found = [*places, *strangers], [*found, *[STRANGER] * len(strangers)]
    return np.array(places).reshape(-1, 2), found


def _centroids(labels: UInt8[np.ndarray, "h w"]) -> list[Float[np.ndarray, "2"]]:
    count, _, _, middles = cv2.connectedComponentsWithStats((labels == _BIRTH_LABEL).astype(np.uint8), connectivity=4)
    return list(middles[1:count] + 0.5)


DIMENSIONS = 12
"""Directions that are kept: few enough for tens of clips."""

_GRID, _MOMENTS = 8, 4


def clip_features(rgb: UInt8[np.ndarray, "t h w 3"]) -> Float[np.ndarray, "d"]:
    """Return colours, motion and edges of a clip on a coarse grid of places and moments, in units of 0 to 1."""
    video = rgb.astype(np.float64) / 255
    moments = np.linspace(0, len(rgb) - 1, _MOMENTS).round().astype(int)
    small = np.stack([resize(rgb[moment], _GRID, _GRID) for moment in moments]) / 255.0
    motion = _pooled(np.abs(np.diff(video, axis=0)).mean(axis=(0, 3)))
    edges = np.abs(np.diff(video, axis=1))[:, :, 1:] + np.abs(np.diff(video, axis=2))[:, 1:]
    return np.concatenate([small.ravel(), motion, _pooled(edges.mean(axis=(0, 3)))])


def _pooled(picture: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "p"]:
    """Return the means of a grid of 4 x 4 cells."""
    rows = np.array_split(picture, _GRID // 2, axis=0)
    return np.array([cell.mean() for row in rows for cell in np.array_split(row, _GRID // 2, axis=1)])


@dataclass(frozen=True)
class Projection:
    """Principal directions of true clips, each scaled to unit variance."""

    mean: Float[np.ndarray, "d"]
    directions: Float[np.ndarray, "k d"]

    @classmethod
    def fit(cls, features: Float[np.ndarray, "n d"]) -> "Projection":
        """Fit on the features of true clips; each feature is put on the scale of its own scatter first."""
        mean, scatter = features.mean(axis=0), features.std(axis=0)
        scale = 1.0 / np.maximum(scatter, 1e-2 * max(float(scatter.max()), 1e-9))
        _, size, axes = np.linalg.svd((features - mean) * scale, full_matrices=False)
        kept = min(DIMENSIONS, len(size), len(features) - 1)
        unit = np.sqrt(len(features)) / np.maximum(size[:kept], 1e-9)
        return cls(mean, unit[:, None] * axes[:kept] * scale)

    def __call__(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Return the coordinates of clips."""
        return (features - self.mean) @ self.directions.T


def frechet_distance(first: Float[np.ndarray, "n k"], second: Float[np.ndarray, "m k"]) -> float:
    """Return the squared Fréchet distance of the normal distributions with the samples' means and covariances.

    |mean - mean'|² + tr(C + C' - 2 (C C')^½), the last term from the eigenvalues of C C', which are not negative.

    Source: Dowson, Landau (1982), Journal of Multivariate Analysis 12; Heusel et al. (2017), NeurIPS.
    """
    shift = first.mean(axis=0) - second.mean(axis=0)
    a, b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (first, second))
    shared = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0.0)).sum()
    return float(max(0.0, shift @ shift + np.trace(a) + np.trace(b) - 2.0 * shared))
