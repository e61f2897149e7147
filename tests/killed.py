"""Commands that kill themselves at a chosen moment, as ``kill -9`` would."""

import os
import signal
import subprocess
import sys
from pathlib import Path

KILLED = -signal.SIGKILL

_PRELUDE = """
import json, os, runpy, signal, sys
from pathlib import Path
from physics_data.core import line_store
moment, number, module = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.argv = [module, *sys.argv[4:]]
count = 0
def reached(what):
    global count
    count += what == moment
    return what == moment and count == number
def die():
    os.kill(os.getpid(), signal.SIGKILL)
fsync, replace, add = os.fsync, Path.replace, line_store.LineStore.add
def dying_fsync(descriptor):
    if reached("unflushed"):
        die()
    fsync(descriptor)
def dying_replace(self, target):
    if reached("written"):
        die()
    replaced = replace(self, target)
    if reached("in place"):
        die()
    return replaced
def dying_add(self, record):
    if reached("half a line"):
        with open(self.path, "a") as file:
            file.write(json.dumps(record)[:20])
        die()
    add(self, record)
    if reached("line"):
        die()
os.fsync, Path.replace, line_store.LineStore.add = dying_fsync, dying_replace, dying_add
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def run_killed(moment: str, number: int, module: str, *arguments: object) -> int:
    """Run ``python -m module`` until it has reached a moment so many times; returns ``KILLED`` if it came to that.

    Args:
        moment: of a file: "unflushed", "written" (not yet in its place), "in place"; of kept rows: "half a line",
            "line"; or "never"
        number: the how manieth, from 1
        module: with a command line
        arguments: of the command line
    """
    command = [sys.executable, "-c", _PRELUDE, moment, str(number), module, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode in (0, KILLED), done.stderr
    return done.returncode


def files_in(folder: Path, *patterns: str) -> dict[str, bytes]:
    """Return name → bytes of the files of a folder and the folders in it."""
    found = (path for pattern in patterns for path in folder.rglob(pattern))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


def leftovers_in(folder: Path) -> list[str]:
    """Return the names of temporary files, and of locks, in a folder and the folders in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*"))
