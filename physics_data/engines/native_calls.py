"""Calls of C functions and reads of C memory from code that Numba compiles, by address."""

# pyright: reportUnusedParameter=false, reportCallIssue=false
# Numba passes parameters that only the types are made of, and its stubs do not know all of its options.

import inspect
from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

_WORD = ir.IntType(64)


_RULES: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,  # no memory management: arrays are passed in, and reading them costs no counting
}


def part(function: Callable[..., Any]) -> Any:
    """Compile a function that only compiled functions call. Arithmetic is strict here and in ``driver``."""
    # Import hooks wrap functions, for instance in checks of annotations.
    return numba.njit(no_cpython_wrapper=True, **_RULES)(inspect.unwrap(function))


def driver(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call, and keep the machine code beside the source, where that can be written."""
    try:
        return numba.njit(cache=True, **_RULES)(inspect.unwrap(function))
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        return numba.njit(**_RULES)(inspect.unwrap(function))


def _reader(kind: types.Type, stored: ir.Type) -> Any:
    def read(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.load(builder.inttoptr(arguments[0], stored.as_pointer()))

        return kind(types.int64), generate

    return intrinsic(read)


read_float = _reader(types.float64, ir.DoubleType())
read_int = _reader(types.int32, ir.IntType(32))
read_address = _reader(types.int64, _WORD)


@intrinsic
def write_float(typing_context: Any, address: Any, value: Any) -> Any:
    """Write a double at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[1], builder.inttoptr(arguments[0], ir.DoubleType().as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.float64), generate


def _caller(count: int) -> Any:
    kind = ir.FunctionType(ir.VoidType(), [_WORD] * count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * (count + 1)), generate


@intrinsic
def call_2(typing_context: Any, function: Any, a: Any, b: Any) -> Any:
    """Call ``void function(void *a, void *b)``."""
    return _caller(2)


@intrinsic
def call_4(typing_context: Any, function: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Call ``void function(void *a, void *b, void *c, void *d)``."""
    return _caller(4)
