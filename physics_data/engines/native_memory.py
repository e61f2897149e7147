"""Native memory and calls: functions of engine libraries and fields of MuJoCo's structs for compiled code.

MuJoCo's Python functions cost about a microsecond a call, and its arrays as much again for every access: for one body
on a floor several times the step itself. Compiled code calls the library and reads its memory directly. Where a field
lies follows from MuJoCo's own description of its structs, which is part of its Python package; every field that is
used is compared with the documented attribute of the same name once a process.

An error inside the library ends the process, where the Python functions would raise. None is known to come from a
model that these functions have compiled and run forward once, which every run does first.
"""

import contextlib
import ctypes
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numba
import numpy as np
from llvmlite import ir
from mujoco.introspect import ast_nodes, structs
from numba.core import types
from numba.extending import intrinsic

from physics_data.core.errors import EngineError

# pyright: reportUnusedParameter=false, reportCallIssue=false
# Numba passes parameters that only the types are made of, and its stubs do not know all of its options.


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
    """Compile a function at its first call, and keep the machine code beside the source, where that can be written.

    An index of stored code that cannot be opened, for instance since it names a module that has moved, is dropped.
    """
    try:
        compiled = numba.njit(cache=True, **_RULES)(inspect.unwrap(function))
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        return numba.njit(**_RULES)(inspect.unwrap(function))
    index: Any = compiled._cache._cache_file  # pyright: ignore[reportAttributeAccessIssue]
    load = index._load_index

    def load_whole() -> dict[Any, Any]:
        try:
            return load()
        except Exception:  # unpickling raises errors of any class
            with contextlib.suppress(OSError):
                index.flush()
            return {}

    index._load_index = load_whole
    return compiled


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


# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.


_SCALARS: dict[str, Any] = {
    "mjtNum": ctypes.c_double,
    "mjtSize": ctypes.c_int64,
    "mjtBool": ctypes.c_bool,
    "mjtByte": ctypes.c_uint8,
    "int": ctypes.c_int,
    "size_t": ctypes.c_size_t,
    "uintptr_t": ctypes.c_size_t,
    "uint64_t": ctypes.c_uint64,
    "float": ctypes.c_float,
}


class Library(NamedTuple):
    """Addresses of functions of MuJoCo's library, and offsets, in bytes, of fields in ``mjData`` and ``mjContact``."""

    step: int
    fwd_position: int
    fwd_velocity: int
    fwd_acceleration: int
    fwd_constraint: int
    euler: int
    mul_jac_vec: int
    ncon: int
    nefc: int
    contact: int
    efc_vel: int
    efc_aref: int
    efc_state: int
    efc_force: int
    contact_size: int
    dist: int
    pos: int
    frame: int
    friction: int
    solref: int
    dim: int
    geom: int
    efc_address: int


@functools.cache
def library() -> Library:
    """Return the addresses and offsets of this process.

    Raises:
        EngineError: MuJoCo's memory is not what its description says.
    """
    code = ctypes.CDLL(str(_library_file()))
    data, contact = _struct("mjData"), _struct("mjContact")
    functions = {
        "step": "mj_step",
        "fwd_position": "mj_fwdPosition",
        "fwd_velocity": "mj_fwdVelocity",
        "fwd_acceleration": "mj_fwdAcceleration",
        "fwd_constraint": "mj_fwdConstraint",
        "euler": "mj_Euler",
        "mul_jac_vec": "mj_mulJacVec",
    }
    known = {name: ctypes.cast(getattr(code, symbol), ctypes.c_void_p).value or 0 for name, symbol in functions.items()}
    for name in ("ncon", "nefc", "contact", "efc_vel", "efc_aref", "efc_state", "efc_force"):
        known[name] = getattr(data, name).offset
    for name in ("dist", "pos", "frame", "friction", "solref", "dim", "geom", "efc_address"):
        known[name] = getattr(contact, name).offset
    found = Library(**known, contact_size=ctypes.sizeof(contact))
    _check(found)
    return found


def _library_file() -> Path:
    folder = Path(mujoco.__file__).parent
    found = sorted(path for pattern in ("libmujoco.*", "mujoco.dll") for path in folder.glob(pattern))
    if not found:
        raise EngineError(f"there is no library of MuJoCo in {folder}; install the package 'mujoco' from its wheel.")
    return found[0]


def _struct(name: str) -> type[ctypes.Structure]:
    fields = [(field.name, _ctype(field.type)) for field in structs.STRUCTS[name].fields]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


def _ctype(kind: Any) -> Any:
    match kind:
        case ast_nodes.PointerType():
            return ctypes.c_void_p
        case ast_nodes.ArrayType(inner_type=inner, extents=extents):
            return _ctype(inner) * int(np.prod(extents))
        case ast_nodes.ValueType(name=name) if name in _SCALARS:
            return _SCALARS[name]
        case ast_nodes.ValueType(name=name) if name in structs.STRUCTS:
            return _struct(name)
    raise EngineError(
        f"this version of MuJoCo ({mujoco.mj_versionString()}) has a field of an unknown type ({kind}); install 3.17."
    )


def _check(found: Library) -> None:
    """Compare every field with what MuJoCo's attributes say about a box that lies on a floor."""
    scene = mujoco.MjSpec()
    scene.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1.0, 1.0, 1.0])
    box = scene.worldbody.add_body(pos=[0.0, 0.0, 0.09])
    box.add_freejoint()
    box.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.1, 0.2, 0.1])
    model = scene.compile()
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 3)
    start = data._address
    read = {name: ctypes.c_int.from_address(start + getattr(found, name)).value for name in ("ncon", "nefc")}
    wanted = {name: getattr(data, name) for name in read}
    for name in ("efc_vel", "efc_aref", "efc_state", "efc_force"):
        read[name] = ctypes.c_size_t.from_address(start + getattr(found, name)).value
        wanted[name] = getattr(data, name).ctypes.data
    first = ctypes.c_size_t.from_address(start + found.contact).value
    for name in ("dist", "pos", "frame", "friction", "solref", "dim", "geom", "efc_address"):
        view = getattr(data.contact, name)
        read[name], wanted[name] = first + getattr(found, name), view.ctypes.data
        read[f"{name} stride"], wanted[f"{name} stride"] = found.contact_size, view.strides[0]
    wrong = [name for name in read if read[name] != wanted[name]]
    if wrong or data.ncon < 2:
        raise EngineError(
            f"MuJoCo {mujoco.mj_versionString()} keeps {', '.join(wrong) or 'its contacts'} elsewhere than its "
            "description says; install mujoco 3.17."
        )
