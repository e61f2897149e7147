"""Laws of motion fitted to the path of one thing, and the choice between them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares, minimize_scalar

Law = Literal["rest", "constant_velocity", "constant_acceleration", "friction", "oscillation", "none"]

_UNREST = (0.25, 0.015)  # what an outline's centre is off by: pixels, and diameters
_MIN_COUNT_TURNS = 0.5  # periods in the stretch; fewer cannot be told from a parabola
_NYQUIST = 0.48  # periods per frame; more alias
_OVERSAMPLED = 10  # trial frequencies per 1 / duration; a peak is about 1 / duration wide
_STARTS = 3  # peaks of the periodogram that are refined
_DECREMENT = 2.0  # largest damping per period; beyond it nothing swings
_HARMONICS = 5  # of a pendulum: its height swings at twice the frequency, its large swings are not sinusoidal
_SLOWER = 0.3  # largest share by which a large swing is slower than a small one (of a pendulum: 0.3 at 120 degrees)


@dataclass(frozen=True)
class Fit:
    """A law fitted to a stretch of a track. residual: root mean square distance, pixels."""

    law: Law
    residual: float
    description: float


def unrest_of(diameter: float) -> float:
    """Return the error of a tracked centre, pixels."""
    return float(np.hypot(_UNREST[0], _UNREST[1] * diameter))


def fit_laws(seconds: Float[np.ndarray, "n"], place: Float[np.ndarray, "n 2"], diameter: float) -> list[Fit]:
    """Fit every law to a path and return them, the shortest description first.

    The description length is the Bayesian information criterion: squared misfit over the squared error of a centre,
    plus the logarithm of the number of values for each parameter.

    Units:
        seconds:   s
        place:     pixels
        diameter:  of the thing, pixels

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
    if len(time) >= 12 and min(fit.description for fit in fits) > 8 * np.log(place.size):
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
