"""What ``setup.cfg`` cannot say: in a wheel ``eval``, ``benchmarks`` and ``configs`` lie under ``worldsim``.

Their names are too common for the top of site-packages. The wheel takes them from where they stand in the checkout, and
the build names them anew in imports, registries and shown commands. An editable install (``pip install -e``) leaves all
as it is.
"""

import re
import sys
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

MOVED = ("eval", "benchmarks")

_NAMES = "|".join(MOVED)
_RULES = (
    (re.compile(rf"^(\s*(?:>>> )?(?:from|import) )(?=(?:{_NAMES})[. ])", re.MULTILINE), r"\1worldsim."),
    (re.compile(rf"(python -m )(?=(?:{_NAMES})\b)"), r"\1worldsim."),
    (re.compile(rf"(?<=\")(?=(?:{_NAMES})(?:\.[a-z_]+)*(?::\w+)?\")"), "worldsim."),
)
"""Imports, commands, and strings that are nothing but the name of a module ("eval.metrics.visibility:Survival")."""


class BuildUnderWorldsim(build_py):
    """Copy as always, then name the moved packages anew in every copied module."""

    def run(self) -> None:
        """Build all packages."""
        super().run()
        for path in (p for suffix in ("py", "pyi") for p in Path(self.build_lib).rglob(f"*.{suffix}")):
            text = new = path.read_text(encoding="utf-8")
            for pattern, replacement in _RULES:
                new = pattern.sub(replacement, new)
            if new != text:
                path.write_text(new, encoding="utf-8")


is_editable = "editable_wheel" in sys.argv or "develop" in sys.argv
moved = [] if is_editable else [p for p in find_packages() if p.split(".")[0] in MOVED]
stay = [p for p in find_packages() if p.split(".")[0] in ("physics_data", "worldsim", *(MOVED if is_editable else ()))]
under = "" if is_editable else "worldsim."

setup(
    packages=[*stay, *(f"worldsim.{name}" for name in moved), *([] if is_editable else ["worldsim.configs"])],
    package_dir={} if is_editable else {f"worldsim.{name}": name for name in (*MOVED, "configs")},
    cmdclass={} if is_editable else {"build_py": BuildUnderWorldsim},
    entry_points={
        "console_scripts": [
            "worldsim-data = physics_data.__main__:main",
            "worldsim = worldsim.__main__:main",
            f"worldsim-eval = {under}eval.__main__:main",
            f"worldsim-bench = {under}benchmarks.__main__:main",
        ]
    },
)
