"""Where an output came from: commit, versions, command, resolved config."""

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import yaml
from pydantic import BaseModel

from physics_data.core.atomic import write_text

_PACKAGES = ("numpy", "numba", "mujoco", "pybullet", "torch", "av", "zstandard", "scipy")


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed parts that can change an output."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_commit() -> str:
    """Return the commit of the source tree, with "+changes" where it differs, or "unknown" outside git.

    An installed copy may lie inside another project's repository (a virtual environment): its commit is not ours.
    """
    folder = Path(__file__).parent
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name, folder=folder)
        commit = _git("rev-parse", "HEAD", folder=folder)
        return commit + ("+changes" if _git("status", "--porcelain", "--untracked-files=no", folder=folder) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str, folder: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def num_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hardware() -> str:
    """Return one line that names the processor, its cores in use and the platform."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {num_cores()} cores, {platform.system()}"


def write_provenance(path: Path, config: BaseModel | None, **facts: object) -> None:
    """Write ``path`` (YAML): the command, commit, versions, facts and the resolved config."""
    record: dict[str, object] = {
        "command": " ".join(Path(a).name if i == 0 else a for i, a in enumerate(sys.argv)),
        "commit": git_commit(),
        "versions": package_versions(),
        "hardware": hardware(),
        **facts,
    }
    if config is not None:
        record["config"] = config.model_dump(mode="json")
    write_text(path, yaml.safe_dump(record, sort_keys=False, allow_unicode=True))
