"""Arguments of the Python interface: types are checked against annotations, sizes against the machine's memory."""

import functools
import inspect
import os
import reprlib
import types
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from physics_data.core.errors import ConfigError

__all__ = ["checked_arguments", "require_memory"]

P = ParamSpec("P")
R = TypeVar("R")


def checked_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function: an argument of another type than its annotation is refused with one sentence.

    NumPy's scalars become Python's, and a whole number as a float. Of a long list one item is checked (beartype).

    Raises (when the function is called):
        ConfigError: an argument of another type; names it, what was given and what is needed.
    """
    signature = inspect.signature(function)
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)

    @functools.cache
    def hints() -> dict[str, Any]:
        return get_type_hints(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        from beartype import BeartypeConf  # here, so that importing the package stays fast
        from beartype.door import is_bearable

        given = signature.bind(*args, **kwargs)  # Python's own error for missing and unknown names
        for name, value in given.arguments.items():
            needed = hints().get(name)
            plain = given.arguments[name] = value.item() if isinstance(value, np.generic) else value
            if needed is None or signature.parameters[name].kind in variadic:
                continue
            if is_bearable(plain, needed, conf=BeartypeConf(is_pep484_tower=True)):
                continue
            raise ConfigError(
                f"{function.__qualname__.removesuffix('.__init__').removesuffix('.__call__')}: {name} is "
                f"{reprlib.repr(value)} ({type(value).__name__}); needed is {_in_words(needed)}."
            )
        return function(*given.args, **given.kwargs)

    return checked


def require_memory(num_bytes: float, what: str, remedy: str) -> None:
    """Refuse what cannot fit into this machine's memory.

    Raises:
        ConfigError: it takes more than there is.
    """
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if num_bytes > there:
        raise ConfigError(
            f"{what} needs at least {num_bytes / 2**30:,.0f} GiB of memory, this machine has {there / 2**30:.0f}; "
            f"{remedy}."
        )


def _in_words(hint: Any) -> str:
    """Return an annotation as a person would write it: ``str, Path or None``."""
    if hint is type(None):
        return "None"
    if get_origin(hint) in (Union, types.UnionType):
        *first, last = dict.fromkeys(_in_words(one) for one in get_args(hint))
        return f"{', '.join(first)} or {last}"
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if isinstance(hint, type) and not get_args(hint):
        return hint.__name__
    return (
        str(hint).replace("typing.", "").replace("collections.abc.", "").replace("pathlib.", "").replace("numpy.", "")
    )
