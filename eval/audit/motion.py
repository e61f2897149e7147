"""Motion without a reference: which law describes a track in the fewest words, and does an impact give energy?"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from scipy.signal import find_peaks

from eval.audit.laws import Law, fit_laws, fit_pendulum, unrest_of
from eval.audit.result import ramp
from eval.perception.tracks import Track
from physics_data.core.trajectory import true_intervals

_SHORTEST = 6  # frames
_SWING = 3.0  # s; a real string pendulum keeps to one damping for so long (drag falls with speed)
_NONE = 6.0  # times the unrest; a worse fit describes nothing
_GAIN = (1.15, 1.45)  # energy after an impact over that before
_ARC = (3, 0.6)  # a flight beside an impact: least frames, most seconds
_APPENDAGE = (1.25, 4.0)  # area over that of its thickest part, between which that part leads: a bob on a rod
_CORE = 0.15  # standard deviation of the logarithm of the radius of its thickest part; of a bob on a rod 0.07
_STEADY = 0.25  # standard deviation of the logarithm of size and aspect: of balls 0.1, of people walking 0.3 and more
_LOWEST = 0.5  # diameters that the energy before an impact would lift the thing; less is rolling and jitter
_FLIGHT = 3.0  # times the unrest; what is further from a parabola does not fly


@dataclass(frozen=True)
class Impact:
    """A bounce, from the flights before and after it.

    frame:   the frame nearest to it
    ratio:   energy of the vertical motion after it over that before, both at the level of the impact
    error:   standard error of the ratio's logarithm
    """

    frame: int
    ratio: float
    error: float

    @property
    def strength(self) -> float:
        """How sure it is that it gives energy, 0..1: two standard errors off are granted."""
        return ramp(float(np.log(self.ratio)) - 2 * self.error, (float(np.log(_GAIN[0])), float(np.log(_GAIN[1]))))


@dataclass(frozen=True)
class Segment:
    """A stretch between two sudden turns.

    Units:
        first, end:    frames, end exclusive
        law, residual: the shortest description, "none" where it misses by 6 times the unrest, and its misfit, pixels
        acceleration:  mean acceleration along image x and y, pixels/s²
        error:         its standard error along one axis, pixels/s²
        period:        of small swings, s; None for laws without one
    """

    first: int
    end: int
    law: Law
    residual: float
    acceleration: Float[np.ndarray, "2"]
    error: float
    period: float | None = None


@dataclass(frozen=True)
class TrackMotion:
    """How one thing moved.

    law, residual:  the best description of its longest stretch, and the misfit of all in diameters
    seconds:        length of the stretches that could be judged, s
    kinks:          sudden turns of the velocity, a count
    impacts:        the bounces whose energy could be judged
    segments:       the stretches between its sudden turns
    """

    law: Law
    residual: float
    seconds: float
    kinks: int
    impacts: tuple[Impact, ...]
    segments: tuple[Segment, ...] = ()

    @property
    def main(self) -> Segment:
        """The longest segment."""
        return max(self.segments, key=lambda segment: segment.end - segment.first)

    @property
    def lawful(self) -> float:
        """Fraction of its frames that some law describes."""
        frames = [segment.end - segment.first for segment in self.segments]
        return sum(n for n, s in zip(frames, self.segments, strict=True) if s.law != "none") / sum(frames)


def is_led(track: Track) -> bool:
    """Whether its thickest part is steady and most of it, as a bob on a rod: then that part says where it is."""
    if track.core is None or not track.whole.any():
        return False
    radius = np.maximum(track.core[track.whole, 2], 0.5)
    share = float(np.median(track.area[track.whole] / (np.pi * radius**2)))
    return bool(_APPENDAGE[0] < share < _APPENDAGE[1] and np.log(radius).std() < _CORE)


def path_of(track: Track) -> tuple[Float[np.ndarray, "t 2"], float]:
    """Return the place of a thing in every frame and its diameter, pixels."""
    if is_led(track):
        assert track.core is not None
        return track.core[:, :2], max(2 * float(np.median(track.core[track.whole, 2])), 1.0)
    return track.centroid, max(2 * float(np.sqrt(track.size / np.pi)), 1.0)


def judged_frames(track: Track, given: int = 0) -> Bool[np.ndarray, "t"]:
    """Return in which frames its place can be trusted: it is whole, and alone or led by its thickest part."""
    good = track.presence & track.whole & (np.arange(len(track.area)) >= given)
    if track.crowded is None:
        return good
    alone = ~track.crowded
    if is_led(track):
        assert track.core is not None
        usual = float(np.median(track.core[track.whole, 2]))
        alone |= np.abs(np.log(np.maximum(track.core[:, 2], 0.5) / usual)) < _CORE
    return good & alone


def is_rigid(track: Track, given: int) -> bool:
    """Whether a thing keeps its outline, or that of its leading part: eight pictures or more, in which it moves."""
    good = judged_frames(track, given)
    if good.sum() < 8 or track.box is None:
        return False
    place, diameter = path_of(track)
    left, top, right, bottom = track.box[good].T
    aspect, area = np.log((right - left) / (bottom - top)), np.log(track.area[good])
    steady = is_led(track) or max(area.std(), aspect.std()) < _STEADY
    return bool(steady and np.linalg.norm(np.ptp(place[good], axis=0)) > diameter)


def describe(track: Track, seconds: Float[np.ndarray, "t"], given: int = 0) -> TrackMotion | None:
    """Describe the motion of a track where it is seen whole and alone; None where that is too short.

    The first ``given`` frames are left out.
    """
    good = judged_frames(track, given)
    stretches = [run for run in true_intervals(good) if run[1] - run[0] >= _SHORTEST]
    if not stretches:
        return None
    path, diameter = path_of(track)
    rigid = is_rigid(track, given)  # hands and cloth do not swing by a law
    kinks, judged, pieces, impacts = 0, 0.0, list[Segment](), []
    for first, end in stretches:
        time, place = seconds[first:end], path[first:end]
        turns = _kinks(time, place, diameter)
        kinks += len(turns)
        judged += float(time[-1] - time[0])
        found = []
        for a, b in pairwise([-1, *turns, len(time)]):  # the frame of a kink may show either side of it
            if b - a - 1 >= _SHORTEST:
                found.append(_segment(time, place, a + 1, b, diameter, first, rigid))
        pieces += _swings(time, place, diameter, first, found) if rigid else found
        impacts += find_impacts(time, place[:, 1], diameter, first)
    if not pieces:
        return None
    lengths = np.array([piece.end - piece.first for piece in pieces])
    residual = float(np.sqrt(lengths @ np.array([piece.residual**2 for piece in pieces]) / lengths.sum()))
    law = pieces[int(lengths.argmax())].law
    return TrackMotion(law, residual / max(diameter, 1.0), judged, kinks, tuple(impacts), tuple(pieces))


def _segment(
    time: np.ndarray,
    place: np.ndarray,
    begin: int,
    end: int,
    diameter: float,
    offset: int,
    rigid: bool = True,
    most: int = 150,
) -> Segment:
    """Describe the pictures begin to end - 1 of a stretch whose first one is frame ``offset``.

    Of a long one the first ``most`` decide the law, so that the cost does not grow with the square of its length.
    """
    t, where = time[begin:end], place[begin:end]
    fit = fit_laws(t[:most], where[:most], diameter, oscillations=rigid)[0]
    law = fit.law if fit.residual < _NONE * unrest_of(diameter) else "none"
    centered = t - t.mean()
    basis = np.vander(centered, 3)
    values = np.linalg.lstsq(basis, where, rcond=None)[0]
    spread = max(float(np.sqrt(((where - basis @ values) ** 2).mean())), unrest_of(diameter))
    error = 2 * spread * float(np.sqrt(np.linalg.pinv(basis.T @ basis)[0, 0]))
    return Segment(offset + begin, offset + end, law, fit.residual, 2 * values[0], error)


def _swings(time: np.ndarray, place: np.ndarray, diameter: float, offset: int, found: list[Segment]) -> list[Segment]:
    """Take a stretch that no law describes for a pendulum, where it is one, in windows of ``_SWING`` seconds."""
    known = sum(segment.end - segment.first for segment in found if segment.law != "none")
    if len(time) < 12 or known > 0.5 * len(time) or np.ptp(place, axis=0).max() < 2 * diameter:
        return found
    count = max(1, round(float(time[-1] - time[0]) / _SWING))
    windows = []
    for part in np.array_split(np.arange(len(time)), count):
        chosen = _segment(time, place, int(part[0]), int(part[-1]) + 1, diameter, offset)
        fit = fit_pendulum(time[part], place[part], diameter)
        if fit is not None and fit.residual < _NONE * unrest_of(diameter) and chosen.law == "none":
            chosen = replace(chosen, law="pendulum", residual=fit.residual, period=fit.period)
        windows.append(chosen)
    return windows if any(window.law == "pendulum" for window in windows) else found


def _kinks(seconds: np.ndarray, place: np.ndarray, diameter: float) -> list[int]:
    """Frames at which the velocity turns by far more than it does around them."""
    if len(place) < 8:
        return []
    interval = np.diff(seconds)
    usual_interval = float(np.median(interval))
    velocity = np.diff(place, axis=0) / interval[:, None] * usual_interval
    change = np.linalg.norm(np.diff(velocity, axis=0), axis=-1)
    limit = max(4 * float(np.median(change)), 0.06 * diameter, 0.8)
    return [int(k) + 1 for k in np.flatnonzero(change > limit) if change[k] == change[max(0, k - 2) : k + 3].max()]


def find_impacts(
    seconds: Float[np.ndarray, "n"], height: Float[np.ndarray, "n"], diameter: float, first: int = 0
) -> list[Impact]:
    """Find the bounces of a path off something below it and judge the energy of each.

    The flights before and after a bounce are parabolas of one acceleration g > 0 (image y points down). They meet at
    the time and level of the impact; there their speeds v are compared, so that it does not matter where in its flight
    the thing was first seen. What turns smoothly, as on a spring, has no such flights and is no impact.

    Units:
        seconds:   s
        height:    image y, pixels
        diameter:  pixels
        first:     frame number of the first value
    """
    lows = [int(k) for k in find_peaks(height, prominence=4 * unrest_of(diameter))[0]]
    found = []
    bounds = [-1, *lows, len(height)]
    for before, k, after in zip(bounds, lows, bounds[2:]):  # noqa: B905
        near = np.abs(seconds - seconds[k]) <= _ARC[1]
        into = [i for i in range(before + 1, k) if near[i]]
        out = [i for i in range(k + 1, after) if near[i]]
        while min(len(into), len(out)) >= _ARC[0]:
            judged = _meeting(seconds - seconds[k], height, into, out, diameter)
            if judged is not None:
                interval = float(np.median(np.diff(seconds)))
                ratio, error, when = judged
                if abs(when) <= 1.5 * interval and np.isfinite(error):
                    found.append(Impact(first + k, ratio, error))
                break
            # a hand lets go or something else is met: only what is near the impact flies freely
            short = max(len(into), len(out)) // 2
            if short < _ARC[0]:
                break
            into, out = into[-short:], out[:short]
    return found


def _meeting(
    time: np.ndarray, height: np.ndarray, into: list[int], out: list[int], diameter: float
) -> tuple[float, float, float] | None:
    """Energy ratio, standard error of its logarithm and time of an impact; None where the two are no flights."""
    unrest = unrest_of(diameter)
    chosen = np.array([*into, *out])
    side = np.arange(len(chosen)) >= len(into)
    t, one = time[chosen], np.ones(len(chosen))
    basis = np.stack([one * ~side, t * ~side, one * side, t * side, t**2 / 2], axis=1)
    values = np.linalg.lstsq(basis, height[chosen], rcond=None)[0]
    spread = float(np.sqrt(((height[chosen] - basis @ values) ** 2).mean()))
    if spread > _FLIGHT * unrest:
        return None
    covariance = max(unrest, spread) ** 2 * np.linalg.pinv(basis.T @ basis)
    if values[4] < 3 * np.sqrt(covariance[4, 4]):
        return 1.0, np.inf, 0.0  # it does not fall

    def speeds(v: np.ndarray) -> tuple[float, float, float]:
        when = (v[2] - v[0]) / (v[1] - v[3])
        return v[1] + v[4] * when, -(v[3] + v[4] * when), when

    coming, going, when = speeds(values)
    if coming <= 0 or going <= 0 or coming**2 / (2 * values[4]) < _LOWEST * diameter:
        return 1.0, np.inf, 0.0

    def logarithm(v: np.ndarray) -> float:
        a, b, _ = speeds(v)
        return 2 * float(np.log(max(b, 1e-9) / max(a, 1e-9)))

    widths = 1e-3 * np.sqrt(np.diag(covariance))
    slope = [(logarithm(values + step) - logarithm(values - step)) / (2e-3) for step in np.diag(widths)]
    scaled = np.array(slope) / np.sqrt(np.diag(covariance))
    return (going / coming) ** 2, float(np.sqrt(scaled @ covariance @ scaled)), float(when)
