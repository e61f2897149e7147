"""``import worldsim as ws``: fast, complete, and the same in code and in the type stub."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import worldsim as ws


def test_importing_loads_no_large_library() -> None:
    code = "import worldsim, sys; print([m for m in ('torch', 'numpy', 'pydantic', 'mujoco') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_can_be_imported_and_is_declared_for_type_checkers() -> None:
    assert ws.__file__ is not None
    stub = ast.parse(Path(ws.__file__).with_suffix(".pyi").read_text())
    declared = {
        (node.names[0].name, node.module) for node in stub.body if isinstance(node, ast.ImportFrom) and node.module
    }
    assert declared == set(ws._NAMES.items())
    for name in ws.__all__:
        assert getattr(ws, name).__doc__
        assert name in dir(ws)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(AttributeError, match="simulate"):
        _ = ws.nothing


def test_lists_have_a_line_for_each_member() -> None:
    for listing in (ws.list_scenarios, ws.list_engines, ws.list_losses, ws.list_metrics, ws.list_suites):
        members = listing()
        assert members and all(members.values()), listing.__name__
    assert "builtin:world" in ws.list_models()
