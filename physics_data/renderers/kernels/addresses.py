"""Named tuples of arrays that functions hand on by their address.

A scene is 29 arrays, each of them about ten values to the compiler. Handed from function to function by value they are
a third of all it has to work on; the address is one value. Once every function is copied into its driver the compiler
sees through it, so the machine code reads the same fields.
"""

from typing import Any

from numba.core import cgutils, config, types
from numba.core.datamodel import models
from numba.core.imputils import impl_ret_borrowed, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, register_model

_NUMBERS: dict[Any, int] = {}
"""A number for every type of tuple: names of types become names of machine code, which should be short."""


class _Address(types.Type):
    """Where a named tuple lies."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        number = _NUMBERS.setdefault(dtype, len(_NUMBERS))
        super().__init__(name=f"Address({dtype.instance_class.__name__}{number})")


register_model(_Address)(models.PointerModel)


@infer_getattr
class _Fields(AttributeTemplate):
    """The fields of the tuple, read as if it were there."""

    key = _Address

    def generic_resolve(self, value: _Address, attr: str) -> Any:
        fields = value.dtype.fields
        return value.dtype[fields.index(attr)] if attr in fields else None


@lower_getattr_generic(_Address)
def _read_field(context: Any, builder: Any, kind: _Address, value: Any, attr: str) -> Any:
    index = kind.dtype.fields.index(attr)
    field = builder.load(cgutils.gep_inbounds(builder, value, 0, index))
    return impl_ret_borrowed(context, builder, kind.dtype[index], field)


@intrinsic
def _address_of(_typing_context: Any, value: Any) -> Any:
    def place(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return cgutils.alloca_once_value(builder, arguments[0])

    return _Address(value)(value), place


def _itself(value: Any) -> Any:
    return value


by_address: Any = _itself if config.ENABLE_CUDASIM else _address_of  # pyright: ignore[reportAttributeAccessIssue]
"""Return the address of a copy of a named tuple of arrays, good until the driver that asks returns."""
