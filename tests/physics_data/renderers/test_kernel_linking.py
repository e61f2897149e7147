"""Drivers that are compiled as one whole, against the same functions run by Python."""

from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from physics_data.renderers.kernels.compilation import routine, scalar
from physics_data.renderers.kernels.linking import WholeCompiler
from physics_data.renderers.kernels.scene_struct import by_address

# A driver whose machine code is not kept, so that every run of the tests links anew.
driver: Any = numba.njit(pipeline_class=WholeCompiler, error_model="numpy", _nrt=False)  # pyright: ignore[reportCallIssue]


class Weights(NamedTuple):
    slopes: np.ndarray
    levels: np.ndarray


def line_of(weights, index, x):
    return weights.slopes[index] * x + weights.levels[index, 1]


def bent(x):
    return x if x > 0.0 else 0.1 * x


_line = scalar(line_of)
_bent = routine(bent)


@scalar
def _twice(weights, index, x):
    return _bent(_line(weights, index, _bent(_line(weights, index, x))))


@driver
def _fill(weights, values, results):
    near = by_address(weights)
    for place in range(values.shape[0]):
        index = place % weights.slopes.shape[0]
        results[place] = _twice(near, index, values[place]) + near.levels[index, 0]


@pytest.fixture
def weights() -> Weights:
    rng = np.random.default_rng(3)
    return Weights(rng.normal(size=4), rng.normal(size=(4, 2)))


def test_a_whole_gives_the_bits_that_python_gives(weights: Weights) -> None:
    values = np.random.default_rng(4).normal(size=37)
    results = np.empty_like(values)
    _fill(weights, values, results)
    for place, value in enumerate(values):
        index = place % 4
        once = bent(line_of(weights, index, value))
        assert results[place] == bent(line_of(weights, index, once)) + weights.levels[index, 0]


def test_what_a_driver_calls_becomes_no_machine_code_by_itself(weights: Weights) -> None:
    _fill(weights, np.zeros(1), np.zeros(1))
    for part in (_line, _bent, _twice):
        (compiled,) = part.overloads.values()
        assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name) == 0


def test_a_field_that_the_tuple_lacks_does_not_compile(weights: Weights) -> None:
    @driver
    def read(given):
        return by_address(given).heights[0]

    with pytest.raises(Exception, match="Unknown attribute 'heights'"):
        read(weights)


def test_what_numba_compiles_in_its_usual_way_may_call_parts_too(weights: Weights) -> None:
    @numba.njit
    def call(given, x):
        return _twice(given, 2, x)

    once = bent(line_of(weights, 2, 0.7))
    assert call(weights, 0.7) == bent(line_of(weights, 2, once))
