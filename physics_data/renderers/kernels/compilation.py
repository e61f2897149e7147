"""How the kernels are compiled: one place to choose the target and the floating-point rules.

The rules are strict IEEE arithmetic, so the bytes of an image depend on nothing but the scene. Fast-math would let the
compiler fuse a product and a sum where the processor can, reorder sums by the width of its vectors, and replace
quotients and roots by estimates: all of it together makes frames 1.11 times as fast, measured on one core at 128 x 128.
Its harmless flags (nnan, ninf, nsz) change no bytes and no times (1.00), so they are left out too.
"""

import contextlib
import inspect
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import config

_WHOLE_WITH = "0.68."
"""Versions of Numba whose insides ``linking`` was written for. Others compile in their own way: slower, equal bytes."""

_PART: dict[str, Any] = {}
_WHOLE: dict[str, Any] = {}
if numba.__version__.startswith(_WHOLE_WITH):
    from physics_data.renderers.kernels.linking import PartCompiler, WholeCompiler

    _PART, _WHOLE = {"pipeline_class": PartCompiler}, {"pipeline_class": WholeCompiler}

_RULES: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": False,
    "nogil": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,  # no memory management: an allocation in a kernel does not compile, and array reads cost no counting
}


def _njit(**rules: Any) -> Any:
    # Numba's CUDA simulator interprets kernels, and what they call has to be interpreted with them.
    is_simulated = config.ENABLE_CUDASIM  # pyright: ignore[reportAttributeAccessIssue]
    return (lambda function: function) if is_simulated else numba.njit(**rules)


def scalar(function: Callable[..., Any]) -> Any:
    """Compile a function of scalars and array elements; called from CUDA kernels, the same source is compiled there."""
    return _njit(no_cpython_wrapper=True, forceinline=True, **_PART, **_RULES)(_bare(function))


def routine(function: Callable[..., Any]) -> Any:
    """Compile a larger function of scalars and array elements that is called, not copied into its callers."""
    return _njit(no_cpython_wrapper=True, **_PART, **_RULES)(_bare(function))


def driver(function: Callable[..., Any]) -> Any:
    """Compile a loop over pixels on its first call, and keep the machine code.

    It is kept beside the source, or in the user's cache folder where that is read-only, or in NUMBA_CACHE_DIR. Where
    none of them can be written, every process compiles for itself. A damaged index is dropped.
    """
    bare = _bare(function)
    # Numba's index of stored code holds the types of arguments as pickles. One that names a module that has moved since
    # cannot be opened, so an index of other renderer modules has another file name.
    bare.__qualname__ = f"{bare.__qualname__}_{_digest(Path(__file__).parents[1]):08x}"
    try:
        compiled = _njit(cache=True, **_WHOLE, **_RULES)(bare)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        return _njit(**_WHOLE, **_RULES)(bare)
    cache = getattr(compiled, "_cache", None)  # a plain function under the CUDA simulator
    if cache is None:
        return compiled
    index = cache._cache_file
    load = index._load_index

    def load_whole() -> dict[Any, Any]:
        # On the first call, not here: the types that an index names are those of modules that import this one.
        try:
            return load()
        except Exception:  # unpickling raises errors of any class
            with contextlib.suppress(OSError):
                index.flush()
            return {}

    index._load_index = load_whole
    return compiled


def _bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """Take off what import hooks wrapped around a function, such as checks of annotations."""
    return inspect.unwrap(function)


def source_digest() -> int:
    """Return a number that changes with the source of any kernel.

    Stored machine code is looked up by the driver's own file and closure only. A driver that closes over this
    number is compiled again when a function it calls was edited in another file.
    """
    return _digest(Path(__file__).parent)


def _digest(folder: Path) -> int:
    digest = 0
    for path in sorted(folder.glob("*.py")):
        digest = zlib.crc32(path.read_bytes(), digest)
    return digest
