"""From one continued clip and its truth to one number per column."""

import numpy as np
from jaxtyping import Float, Int, UInt8

from benchmarks.ablation.columns import COLUMNS
from benchmarks.ablation.switches import identity_switches
from eval.inputs import AlignedVideo
from eval.metrics import METRICS
from eval.metrics.attributes import changes, clear_frames
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

LEAST_SPEED = 0.02
"""Below this a thing counts as standing still, diameters per frame."""

FLICKER = 8.0
"""Change of a pixel from frame to frame that is no motion, grey levels."""

_FAINT = 0.05
"""Least energy that is compared, grey levels: what is below it is still, or flat."""


def measure_clip(
    reference: Reference, video: AlignedVideo, num_given: int, columns: tuple[str, ...]
) -> dict[str, float | None]:
    """Return column → value; None where it does not apply.

    The reference alone decides that, but for what is only known of things that are found: their colour, area and gain
    of speed.
    """
    tracks = track_video(reference, video)
    made = {
        **_permanence(reference, tracks, columns),
        **_looks(reference, tracks),
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


def _paths(reference: Reference, tracks: Tracks, num_given: int) -> dict[str, float | None]:
    """Return the mean errors of place and velocity over all objects, in the frames after the given ones."""
    spec, _, _ = reference.clip.labelled
    places: list[float] = []
    speeds: list[float] = []
    gains: list[float] = []
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
    if speeds[1] < LEAST_SPEED:
        return []
    return [float(np.log2(max(speeds[0], LEAST_SPEED) / speeds[1]))]


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
