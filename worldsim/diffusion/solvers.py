"""Solvers of d x / d t = v(x, t) from noise to data."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import torch
from jaxtyping import Float

Samples = Float[torch.Tensor, "..."]
VelocityField = Callable[[Samples, float], Samples]
"""x and t to v; t is the same for all of x."""


class Solver(Protocol):
    """One way to follow a velocity field."""

    evaluations_per_interval: int
    """Calls of the field for each interval of the grid; the last interval of ``Heun`` needs one less."""
    order: int
    """A grid of twice as many intervals has an error 2^order times smaller."""

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        ...


class Euler:
    """First order: follow v in a straight line. Exact where v is constant along the path."""

    evaluations_per_interval = 1
    order = 1

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        times = grid.tolist()
        for now, then in pairwise(times):
            x = x + (then - now) * field(x, now)
        return x


class Heun:
    """Second order: the mean of v at both ends; the last interval is an Euler one, because v is not defined at data.

    Source: Karras et al. (2022), Elucidating the design space of diffusion-based generative models, algorithm 1.
    """

    evaluations_per_interval = 2
    order = 2

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        times = grid.tolist()
        for now, then in pairwise(times):
            v_here = field(x, now)
            ahead = x + (then - now) * v_here
            x = x + (then - now) * 0.5 * (v_here + field(ahead, then)) if then > 0 else ahead
        return x


class DPMSolverPlusPlus:
    """Second order with one call an interval: the data prediction is extrapolated from the interval before.

    With a = 1 - t, s = t and l = log(a / s), the exact solution over an interval h of l is
    x' = (s' / s) x + a' (1 - e^-h) D for a constant data prediction D; D is that at the middle, extrapolated in l. The
    first interval (l begins at minus infinity) and the last (it ends at infinity) are of first order.

    Source: Lu et al. (2022), DPM-Solver++, algorithm 2 (2M), with the schedule of the straight path.
    """

    evaluations_per_interval = 1
    order = 2

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        times = grid.tolist()
        before: tuple[Samples, float] | None = None  # the last data prediction, and the length of its interval in l
        for now, then in pairwise(times):
            data = x - now * field(x, now)
            h = _log_ratio(then) - _log_ratio(now)
            middle = data
            if before is not None and math.isfinite(before[1]) and math.isfinite(h):
                middle = data + h / (2 * before[1]) * (data - before[0])
            x = _follow(x, middle, now, then)
            before = (data, h)
        return x


class UniPC:
    """Predict as ``DPMSolverPlusPlus``, then correct each interval with the prediction at its end, at no extra call.

    Source: Zhao et al. (2023), UniPC: a unified predictor-corrector framework, with B(h) = e^-h - 1 and order 2; the
    corrector is of order 3.
    """

    evaluations_per_interval = 1
    order = 3

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        times = grid.tolist()
        known: list[tuple[Samples, float]] = []  # data predictions at the last corrected points, and their l
        start, began = x, times[0]
        for index, (now, then) in enumerate(pairwise(times)):
            data = x - now * field(x, now)
            if index:
                x = _corrected(start, began, now, [*known, (data, _log_ratio(now))])
                known = known[-1:]
            known.append((data, _log_ratio(now)))
            start, began = x, now
            x = _predicted(x, now, then, known)
        return x


def _log_ratio(t: float) -> float:
    """Return l = log((1 - t) / t); infinite at the ends."""
    if t <= 0:
        return math.inf
    return -math.inf if t >= 1 else math.log((1 - t) / t)


def _follow(x: Samples, data: Samples, now: float, then: float) -> Samples:
    """Return x at ``then`` if ``data`` holds all the way; e^-h = (1 - now) then / (now (1 - then)), also at t = 1."""
    return then / now * x + (1 - then - then / now * (1 - now)) * data


def _predicted(x: Samples, now: float, then: float, known: list[tuple[Samples, float]]) -> Samples:
    data, here = known[-1]
    h = _log_ratio(then) - here
    if len(known) < 2 or not math.isfinite(h) or not math.isfinite(known[-2][1]):
        return _follow(x, data, now, then)
    earlier, there = known[-2]
    slope = (data - earlier) * (h / (here - there))
    return _follow(x, data + 0.5 * slope, now, then)


def _corrected(start: Samples, began: float, now: float, known: list[tuple[Samples, float]]) -> Samples:
    """Do the interval from ``began`` to ``now`` again, with the data prediction at its end, which comes last."""
    (end_data, end), (data, here) = known[-1], known[-2]
    h = end - here
    if not math.isfinite(h):
        return _follow(start, data, began, now)
    base = math.expm1(-h)
    first = (base / -h - 1) / base  # what an exact integral of a straight and a bent prediction asks for
    second = 2 * ((base / -h - 1) / -h - 0.5) / base
    ahead = end_data - data
    if len(known) < 3 or not math.isfinite(known[-3][1]):
        return _follow(start, data + 0.5 * ahead, began, now)
    earlier, there = known[-3]
    ratio = (there - here) / h
    back = (earlier - data) / ratio
    weight_ahead = (second - ratio * first) / (1 - ratio)
    return _follow(start, data + (first - weight_ahead) * back + weight_ahead * ahead, began, now)
