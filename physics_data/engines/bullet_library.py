"""PyBullet, imported without a word: its banner would otherwise stand in the middle of progress bars."""

import os
import sys
from types import ModuleType


def load_pybullet() -> ModuleType:
    """Import PyBullet with its "build time" line sent nowhere; C code writes it, so the descriptor itself is moved."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import pybullet

        return pybullet
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
