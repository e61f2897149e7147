"""Laws of motion fitted to the path of one thing, and the choice between them."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares, minimize_scalar

Law = Literal["rest", "constant_velocity", "constant_acceleration", "friction", "oscillation", "pendulum", "none"]

_UNREST = (0.25, 0.015)  # what an outline's centre is off by: pixels, and diameters
_MIN_COUNT_TURNS = 0.5  # periods in the stretch; fewer cannot be told from a parabola
_NYQUIST = 0.48  # periods per frame; more alias
_OVERSAMPLED = 10  # trial frequencies per 1 / duration; a peak is about 1 / duration wide
_STARTS = 3  # peaks of the periodogram that are refined
_DECREMENT = 2.0  # largest damping per period; beyond it nothing swings
_HARMONICS = 5  # of a pendulum: its height swings at twice the frequency, its large swings are not sinusoidal
_SLOWER = 0.3  # largest share by which a large swing is slower than a small one (of a pendulum: 0.3 at 120 degrees)


_ARC = 0.35  # rad that a pendulum must swing through; a shorter arc has no circle that could be told
_PERIODS = (0.4, 6.0)  # s, of small swings: strings of 4 cm to 9 m on Earth
_SUBSTEPS = 3  # of Runge-Kutta between two frames; at 10 Hz and a period of 0.4 s the angle is then good to 1e-4 rad


@dataclass(frozen=True)
class Fit:
    """A law fitted to a stretch of a track.

    residual:  root mean square distance, pixels
    period:    of small swings, s; None for laws without one
    """

    law: Law
    residual: float
    description: float
    period: float | None = None


def unrest_of(diameter: float) -> float:
    """Return the error of a tracked centre, pixels."""
    return float(np.hypot(_UNREST[0], _UNREST[1] * diameter))


def fit_laws(
    seconds: Float[np.ndarray, "n"], place: Float[np.ndarray, "n 2"], diameter: float, *, oscillations: bool = True
) -> list[Fit]:
    """Fit every law to a path and return them, the shortest description first.

    The description length is the Bayesian information criterion: squared misfit over the squared error of a centre,
    plus the logarithm of the number of values for each parameter.

    Units:
        seconds:   s
        place:     pixels
        diameter:  of the thing, pixels

    Oscillations take ten times as long as all other laws together; leave them out for what cannot swing.

    Source: Schwarz (1978), Estimating the dimension of a model.
    """
    unrest = unrest_of(diameter)
    time = seconds - seconds[0]
    time = time / max(float(time[-1]), 1e-9)
    fits: list[Fit] = []

    def add(law: Law, path: np.ndarray, parameters: int) -> None:
        misfit = ((place - path) ** 2).sum()
        description = float(misfit / unrest**2 + parameters * np.log(place.size))
        fits.append(Fit(law, float(np.sqrt(misfit / len(place))), description))

    polynomials: tuple[Law, ...] = ("rest", "constant_velocity", "constant_acceleration")
    for degree, law in enumerate(polynomials):
        add(law, _projected(np.vander(time, degree + 1), place), 2 * (degree + 1))
    add("friction", _friction(time, place), 6)
    # It is looked for only where a perfect one would be the shorter description.
    if oscillations and len(time) >= 12 and min(fit.description for fit in fits) > 8 * np.log(place.size):
        starts = [(turns, 0.0, 0.0) for turns in _periodogram_peaks(time, place)]
        for harmonics in range(1, _HARMONICS + 1):
            shortest = min(fit.description for fit in fits)
            path, best = _oscillation(time, place, starts, harmonics)
            # an axis: a centre, two amplitudes a harmonic; both: frequency, damping; from two harmonics on, see _wave
            add("oscillation", path, 2 + 4 * harmonics + 2 + 3 * (harmonics > 1))
            if fits[-1].description > shortest or best[0] < 1:
                break
            starts = [best]
    return sorted(fits, key=lambda fit: fit.description)


def _projected(basis: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Least-squares fit of a path by the columns of a basis."""
    return basis @ np.linalg.lstsq(basis, place, rcond=None)[0]


def _friction(time: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Constant deceleration along a line until it stands; the time of rest is searched for."""

    def path(stop: float) -> np.ndarray:
        way = np.where(time < stop, time - time**2 / (2 * stop), stop / 2)
        return _projected(np.stack([np.ones_like(way), way], axis=1), place)

    def misfit(stop: float) -> float:
        return float(((place - path(stop)) ** 2).sum())

    grid = np.linspace(0.1, 0.95, 18)
    best = int(np.argmin([misfit(stop) for stop in grid]))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    return path(float(minimize_scalar(misfit, bounds=around, method="bounded").x))  # pyright: ignore[reportAttributeAccessIssue]


def _wave(time: np.ndarray, turns: float, damping: float, slower: float, harmonics: int) -> np.ndarray:
    """Columns: 1, then cosine and sine of each harmonic; the n-th decays n times as fast (amplitude to the n).

    From two harmonics on the centre moves with the amplitude squared, as the mean height of a pendulum does. slower is
    the share by which the first swing is slower than a small one; the delay goes with the amplitude squared.
    """
    squared = -np.expm1(-2 * damping * time) / (2 * damping) if damping > 1e-6 else time
    columns = [np.ones_like(time)] + [np.exp(-2 * damping * time)] * (harmonics > 1)
    for n in range(1, harmonics + 1):
        envelope, angle = np.exp(-n * damping * time), 2 * np.pi * n * turns * (time - slower * squared)
        columns += [envelope * np.cos(angle), envelope * np.sin(angle)]
    return np.stack(columns, axis=1)


def _periodogram_peaks(time: np.ndarray, place: np.ndarray) -> list[float]:
    """Frequencies, in periods per stretch, at which a sinusoid leaves least, the best first.

    Source: Lomb (1976); Scargle (1982).
    """
    turns = np.arange(_MIN_COUNT_TURNS, max(_NYQUIST * (len(time) - 1), _MIN_COUNT_TURNS + 0.2), 1 / _OVERSAMPLED)
    misfit = []
    for chosen in np.array_split(turns, max(1, turns.size * len(time) // 100_000)):
        angle = 2 * np.pi * chosen[:, None] * time
        basis = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=-1)
        explained = np.linalg.qr(basis)[0].transpose(0, 2, 1) @ place
        misfit.append((place**2).sum() - (explained**2).sum((1, 2)))
    values = np.concatenate([[np.inf], *misfit, [np.inf]])
    lowest = np.flatnonzero((values[1:-1] <= values[:-2]) & (values[1:-1] <= values[2:]))
    lowest = lowest[np.argsort(values[1:-1][lowest])][:_STARTS]
    return [float(turns[k]) for k in lowest]


def _oscillation(
    time: np.ndarray, place: np.ndarray, starts: list[tuple[float, float, float]], harmonics: int
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Path and (turns, damping, slowing) of the best damped oscillation about a point near one of the starts.

    Nonlinear least squares over these three; the amplitudes are solved for at each step (variable projection).

    Source: Golub and Pereyra (1973).
    """
    size = 2 if harmonics == 1 else 3

    def path(values: np.ndarray) -> np.ndarray:
        turns, damping, slower = (float(value) for value in (*values, 0.0)[:3])
        return _projected(_wave(time, turns, damping, slower, harmonics), place)

    best, least = None, np.inf
    for turns, damping, slower in starts:
        low = np.array([max(turns - 1, 0.4), -1e-3, -1e-3])[:size]
        high = np.array([turns / (1 - _SLOWER) + 1, _DECREMENT * turns + 1e-3, _SLOWER])[:size]
        first = np.clip([turns, max(damping, 0.05), max(slower, 0.01)][:size], low + 1e-4, high - 1e-4)
        fit = least_squares(
            lambda values: (place - path(values)).ravel(), first, bounds=(low, high), x_scale="jac", max_nfev=40
        )
        if fit.cost < least:
            best, least = fit.x, fit.cost
    assert best is not None
    turns, damping, slower = (float(value) for value in (*best, 0.0)[:3])
    return path(best), (turns, damping, slower)


def fit_pendulum(seconds: Float[np.ndarray, "n"], place: Float[np.ndarray, "n 2"], diameter: float) -> Fit | None:
    """Fit a damped pendulum of any amplitude; None where the path is no arc about a point above its lowest place.

    A circle through the path gives pivot and angle; release angle, speed, period and damping are then fitted to the
    angle by integrating its equation of motion, angle'' = -w^2 sin(angle) - c angle'.

    Units:
        seconds:   s
        place:     pixels, y points down
        diameter:  of the bob, pixels

    Source: Kasa (1976), circle fit; the equation of motion of the mathematical pendulum with linear drag.
    """
    x, y = place.T
    basis = np.stack([x, y, np.ones_like(x)], axis=1)
    half_x, half_y, rest = np.linalg.lstsq(basis, x**2 + y**2, rcond=None)[0]
    pivot = np.array([half_x / 2, half_y / 2])
    radius = math.sqrt(max(rest + float(pivot @ pivot), 0.0))
    off = np.hypot(*(place - pivot).T) - radius
    angle = np.arctan2(x - pivot[0], y - pivot[1])
    if np.ptp(angle) < _ARC or np.abs(angle).max() > 0.9 * np.pi or np.abs(off).mean() > 0.3 * diameter + 2:
        return None
    time = seconds - seconds[0]
    speed = float(np.polyfit(time[:5], angle[:5], 1)[0])

    def misfit(values: np.ndarray) -> np.ndarray:
        return radius * (_swing(time, *values) - angle)

    starts = [np.array([angle[0], speed, 2 * np.pi / period, 0.05]) for period in np.geomspace(*_PERIODS, 24)]
    first = min(starts, key=lambda values: float((misfit(values) ** 2).sum()))
    low = [-3.0, -60.0, 2 * np.pi / (1.5 * _PERIODS[1]), -0.02]
    high = [3.0, 60.0, 2 * np.pi / (0.7 * _PERIODS[0]), 4.0]
    best = least_squares(misfit, np.clip(first, low, high), bounds=(low, high), x_scale="jac", max_nfev=25)
    squared = float((best.fun**2 + off**2).sum())
    description = squared / unrest_of(diameter) ** 2 + 7 * float(np.log(place.size))
    return Fit("pendulum", math.sqrt(squared / len(place)), description, float(2 * np.pi / best.x[2]))


def _swing(time: np.ndarray, angle: float, speed: float, frequency: float, drag: float) -> np.ndarray:
    """Angle of a pendulum at given times, rad; frequency of small swings in rad/s, drag in 1/s (Runge-Kutta)."""
    square, found = frequency**2, [angle]

    def pull(a: float, s: float) -> float:
        return -square * math.sin(a) - drag * s

    for interval in np.diff(time):
        h = float(interval) / _SUBSTEPS
        for _ in range(_SUBSTEPS):
            k1, l1 = speed, pull(angle, speed)
            k2, l2 = speed + h / 2 * l1, pull(angle + h / 2 * k1, speed + h / 2 * l1)
            k3, l3 = speed + h / 2 * l2, pull(angle + h / 2 * k2, speed + h / 2 * l2)
            k4, l4 = speed + h * l3, pull(angle + h * k3, speed + h * l3)
            angle += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            speed += h / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
            angle, speed = max(min(angle, 99.0), -99.0), max(min(speed, 999.0), -999.0)
        found.append(angle)
    return np.array(found)
