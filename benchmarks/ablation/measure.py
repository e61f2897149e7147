"""From one continued clip and its truth to one number per column."""

import numpy as np
from jaxtyping import Float, Int, UInt8

from benchmarks.ablation.columns import COLUMNS
from benchmarks.ablation.switches import identity_switches
from eval.inputs import AlignedVideo
from eval.metrics import METRICS
from eval.metrics.identity import Identity
from eval.metrics.moving import derivative
from eval.metrics.survival import Survival
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

FLICKER = 8.0
"""Change of a pixel from frame to frame that is no motion, grey levels."""

_FAINT = 0.05
"""Least energy that is compared, grey levels: what is below it is still, or flat."""


def measure_clip(
    reference: Reference, video: AlignedVideo, num_given: int, columns: tuple[str, ...]
) -> dict[str, float | None]:
    """Return column → value; None where it does not apply, which the reference alone decides."""
    tracks = track_video(reference, video)
    made = {
        **_permanence(reference, tracks, columns),
        **_paths(reference, tracks, num_given),
        **_pixels(reference.clip.rgb, video.rgb, num_given),
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


def _paths(reference: Reference, tracks: Tracks, num_given: int) -> dict[str, float | None]:
    """Return the mean errors of place and velocity over all objects, in the frames after the given ones."""
    spec, _, _ = reference.clip.labelled
    places: list[float] = []
    speeds: list[float] = []
    for number, name in reference.present_at_start.items():
        outline, track = reference.silhouette(number), tracks.of(name)
        frames = np.flatnonzero(reference.clear(number))
        frames = frames[frames >= num_given]
        if not len(frames):
            continue
        known = track.whole[frames] & np.isfinite(track.centroid[frames]).all(axis=1)
        off = (track.centroid[frames] - outline.centroid[frames]) / outline.diameter
        off = np.where(known[:, None], off, 0.0)
        places += np.where(known, np.minimum(np.hypot(*off.T), LOST_DIAMETERS), LOST_DIAMETERS).tolist()
        speeds += _speed_errors(off, np.array(spec.seconds)[frames] * spec.frame_rate, frames, known)
    return {
        "position_error": float(np.mean(places)) if places else None,
        "velocity_error": float(np.mean(speeds)) if speeds else None,
    }


def _speed_errors(
    off: Float[np.ndarray, "n 2"], times: Float[np.ndarray, "n"], frames: Int[np.ndarray, "n"], known: np.ndarray
) -> list[float]:
    """Return the error of velocity where the truth fills the window; ``off`` in diameters, times in frames."""
    asked = np.isfinite(derivative(off, times, frames, np.ones_like(known), order=1)).all(axis=1)
    error = np.hypot(*derivative(off, times, frames, known, order=1).T)
    return np.where(np.isfinite(error), np.minimum(error, LOST_SPEED), LOST_SPEED)[asked].tolist()


def _pixels(
    true: UInt8[np.ndarray, "t h w 3"], made: UInt8[np.ndarray, "t h w 3"], num_given: int
) -> dict[str, float | None]:
    """Return how near the made frames are to the true ones, and whether they move and have edges as these do."""
    a, b = true[num_given:], made[num_given:]
    steps = [np.abs(np.diff(x[num_given - 1 :].astype(np.float64), axis=0)) for x in (true, made)]
    moves = [float(np.maximum(step - FLICKER, 0.0).mean()) for step in steps]
    edges = [
        float(np.abs(np.diff(x.astype(np.float64), axis=1)).mean() + np.abs(np.diff(x.astype(float), axis=2)).mean())
        for x in (a, b)
    ]
    return {"psnr": psnr(a, b), "ssim": ssim(a, b), "stillness": _off(moves), "blur": _off(edges)}


def _off(energies: list[float]) -> float:
    true, made = (max(energy, _FAINT) for energy in energies)
    return abs(float(np.log2(made / true)))
