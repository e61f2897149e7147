"""Stored machine code of another version of the package, or damaged, is made again and never ends a run."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numba
import pytest

_CALL = """
from pathlib import Path
import sys
sys.path.insert(0, str(Path(sys.argv[1])))
import kernel_of_the_test
print(kernel_of_the_test.doubled(3.0))
"""
_KERNEL = """
from {module} import driver
@driver
def doubled(x):
    return 2.0 * x
"""


@pytest.mark.parametrize("module", ["physics_data.renderers.kernels.compilation", "physics_data.engines.native_memory"])
@pytest.mark.parametrize("damage", ["another version", "cut off"])
def test_a_cache_that_cannot_be_read_is_made_again(tmp_path: Path, damage: str, module: str) -> None:
    (tmp_path / "kernel_of_the_test.py").write_text(_KERNEL.format(module=module))

    def call() -> str:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        command = [sys.executable, "-c", _CALL, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert call() == "6.0"
    (index,) = (tmp_path / "cache").rglob("*.nbi")
    whole = index.read_bytes()
    foreign = pickle.dumps(numba.__version__) + b"cno_such_module\nName\n."  # a pickle that imports a module
    index.write_bytes(foreign if damage == "another version" else whole[:-20])
    assert call() == "6.0"
    assert index.read_bytes() != foreign and len(index.read_bytes()) >= len(whole) - 1, "stored again"
