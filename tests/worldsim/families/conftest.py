"""Tiny diffusers folders, written once a session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the folder of a tiny random pipeline by its name."""
    from tests.worldsim.families.tiny_pipelines import write

    folders: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in folders:
            folders[name] = write(name, tmp_path_factory.mktemp("pipelines") / name)
        return folders[name]

    return get


@pytest.fixture(scope="session")
def opened(pipeline_folder: Callable[[str], Path]) -> Callable[[str], Any]:
    """Return a function that gives a tiny generator; tests must not change it."""
    from worldsim.generator import VideoGenerator

    generators: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in generators:
            generators[name] = VideoGenerator.from_pretrained(pipeline_folder(name))
        return generators[name]

    return get
