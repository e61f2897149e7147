"""Compilation of the kernels: target, floating-point rules, and each driver as one whole.

The rules are strict IEEE arithmetic, so the bytes of an image depend on nothing but the scene. Fast-math would let the
compiler fuse a product and a sum where the processor can, reorder sums by the width of its vectors, and replace
quotients and roots by estimates: all of it together makes frames 1.11 times as fast, measured on one core at 128 x 128.
Its harmless flags (nnan, ninf, nsz) change no bytes and no times (1.00), so they are left out too.

Numba makes a finished library of every function, and every caller takes a copy of the libraries below it and optimises
all of it again. That is right for functions that Python calls. Ours are called by drivers alone and are copied into
them, where they are optimised once: the same bytes as fast, and a first image in about 0.6 of the time.
"""

import contextlib
import inspect
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import config, typed_passes, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, register_pass

_WHOLE_WITH = "0.68."
"""Versions of Numba whose insides ``linking`` was written for. Others compile in their own way: slower, equal bytes."""


class PartCompiler(CompilerBase):
    """Numba's pipeline for functions that only drivers call."""

    def define_pipelines(self) -> list[Any]:
        """Return the one pipeline."""
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline.passes = [entry for entry in pipeline.passes if entry[0] not in _NOTHING_TO_DO]
        return [_with(pipeline, _UsePart)]


class WholeCompiler(CompilerBase):
    """Numba's pipeline for drivers."""

    def define_pipelines(self) -> list[Any]:
        """Return the one pipeline."""
        return [_with(DefaultPassBuilder.define_nopython_pipeline(self.state), _UseWhole)]


if numba.__version__.startswith(_WHOLE_WITH):
    from physics_data.renderers.kernels.compilation import PartCompiler, WholeCompiler

    _PART, _WHOLE = {"pipeline_class": PartCompiler}, {"pipeline_class": WholeCompiler}

_PART: dict[str, Any] = {}
_WHOLE: dict[str, Any] = {}

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


_NOTHING_TO_DO = (
    untyped_passes.WithLifting,
    untyped_passes.InlineClosureLikes,
    untyped_passes.RewriteDynamicRaises,
    untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.InlineInlinables,
    untyped_passes.FindLiterallyCalls,
    untyped_passes.LiteralUnroll,
    untyped_passes.LiteralPropagationSubPipelinePass,
    typed_passes.InlineOverloads,
    typed_passes.NopythonRewrites,
)
"""Passes for what a scalar function has none of: closures, exceptions, generators, array expressions."""


class _NoEnvironment:
    """What holds a function's link to Python, of which a part has none."""

    @staticmethod
    def set_env(_name: str, _environment: Any) -> None:
        """Do nothing."""


class _Part(JITCodeLibrary):
    """A function as it was written, to be optimised in what calls it."""

    codegen = _NoEnvironment  # pyright: ignore[reportAssignmentType]

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Keep the function; what it calls is linked to the driver."""
        self._raise_if_finalized()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return that there is no machine code."""
        return 0

    def alone(self) -> Any:
        """Return the function without what it calls."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        # Asked for by what Numba compiles in its usual way, such as a test.
        module = self.alone().clone()
        _link(module, self)
        return module


class _Whole(JITCodeLibrary):
    """A driver and all that it calls, directly or not."""

    def finalize(self) -> None:
        """Link all before it is optimised."""
        _link(self._final_module, self)
        self._linking_libraries = []
        super().finalize()

    def _optimize_final_module(self) -> None:
        # Numba's first round is for counting references, which the kernels do not.
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


def _link(module: Any, library: Any) -> None:
    """Link callers before what they call, since the linker drops what nobody has asked for yet."""
    order: dict[Any, None] = {}
    _visit(library, order)
    for called in reversed(order):
        if called is not library:
            library._reload_init.update(called._reload_init)
            module.link_in(
                called.alone() if isinstance(called, _Part) else called._get_module_for_linking(), preserve=True
            )


def _visit(library: Any, order: dict[Any, None]) -> None:
    """Append what a library calls and then itself, each once."""
    for called in library._linking_libraries if isinstance(library, (_Part, _Whole)) else ():
        if called not in order:
            _visit(called, order)
    order[library] = None


class _UseLibrary(LoweringPass):
    """Make the library that the function's code is written to."""

    kind: type[JITCodeLibrary]

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Leave the function as it is."""
        state.library = self.kind(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return False


@register_pass(mutates_CFG=False, analysis_only=True)
class _UsePart(_UseLibrary):
    _name = "use_part"
    kind = _Part


@register_pass(mutates_CFG=False, analysis_only=True)
class _UseWhole(_UseLibrary):
    _name = "use_whole"
    kind = _Whole


def _with(pipeline: Any, use_library: type[_UseLibrary]) -> Any:
    pipeline.add_pass_after(use_library, typed_passes.AnnotateTypes)
    pipeline.finalize()
    return pipeline
