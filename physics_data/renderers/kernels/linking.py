"""Compiling each driver as one whole: what it calls is not optimised, and not turned into machine code, by itself.

Numba makes a finished library of every function, and every caller takes a copy of the libraries below it and optimises
all of it again. That is right for functions that Python calls. Ours are called by drivers alone and are copied into
them, where they are optimised once: the same bytes as fast, and a first image in about 0.6 of the time.
"""

from typing import Any

from numba.core import typed_passes, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, register_pass

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


def _with(pipeline: Any, use_library: type[_UseLibrary]) -> Any:
    pipeline.add_pass_after(use_library, typed_passes.AnnotateTypes)
    pipeline.finalize()
    return pipeline
