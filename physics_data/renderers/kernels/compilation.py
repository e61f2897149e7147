"""How the kernels are compiled: one place to choose the target and the floating-point rules."""

import inspect
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_RULES: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": False,  # strict: the bytes of an image depend on nothing but the scene
    "nogil": True,
    "forceinline": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,  # no memory management: an allocation in a kernel does not compile, and array reads cost no counting
}

_njit: Any = numba.njit


def scalar(function: Callable[..., Any]) -> Any:
    """Compile a function of scalars and array elements; called from CUDA kernels, the same source is compiled there."""
    return _njit(no_cpython_wrapper=True, **_RULES)(_bare(function))


def driver(function: Callable[..., Any]) -> Any:
    """Compile a loop over pixels on its first call, and keep the machine code.

    It is kept beside the source, or in the user's cache folder where that is read-only, or in NUMBA_CACHE_DIR. Where
    none of them can be written, every process compiles for itself.
    """
    try:
        return _njit(cache=True, **_RULES)(_bare(function))
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        return _njit(**_RULES)(_bare(function))


def _bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """Take off what import hooks wrapped around a function, such as checks of annotations."""
    return inspect.unwrap(function)


def source_digest() -> int:
    """Return a number that changes with the source of any kernel.

    Stored machine code is looked up by the driver's own file and closure only. A driver that closes over this
    number is compiled again when a function it calls was edited in another file.
    """
    digest = 0
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest = zlib.crc32(path.read_bytes(), digest)
    return digest
