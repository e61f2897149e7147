"""PyBullet, imported without a word: its banner would otherwise stand in the middle of progress bars."""

import os
import sys
from types import ModuleType

from physics_data.core.errors import MissingPackageError


def load_pybullet() -> ModuleType:
    """Import PyBullet with its "build time" line sent nowhere; C code writes it, so the descriptor itself is moved.

    Raises:
        MissingPackageError: PyBullet is not installed.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import pybullet

        return pybullet
    except ImportError as error:
        is_absent = isinstance(error, ModuleNotFoundError) and error.name == "pybullet"
        reason = "is not installed; it has no wheel for Python 3.12 and later" if is_absent else f"fails: {error}"
        raise MissingPackageError(
            f"engine 'bullet' needs PyBullet, which {reason}. Use Python 3.11 with PyBullet 3.2.7, or do without the "
            "engine (in a dataset config: engines: [mujoco])."
        ) from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
