"""Scene files as scenarios of a build: a folder of YAML files with ranges, without Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from physics_data.core.errors import ConfigError, SceneSpecError
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.pipeline.captions import listing, with_article
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import Range, Scenario, ScenarioInfo
from physics_data.scenarios.shared.settings import SceneSettings
from physics_data.scenes.mesh_file import with_mesh_data
from physics_data.scenes.scene_file import LoadedScene, draw_with
from physics_data.scenes.source_lines import SourceFile, read_source

Documents = Mapping[str, Mapping[str, Any]]


class FileScenario:
    """A scenario whose scenes are drawn from the ranges and choices of a scene file.

    Frames, rates and size are those of the build's settings, the rest is the file's. There is no law: clips have to
    keep the limits of penetration and energy alone. A scene in which nothing moves, or nothing is seen, is kept.

    Args:
        name: of the scenario
        document: what the file says
    """

    tolerances: ClassVar[dict[str, float]] = {}
    ranges: ClassVar[dict[str, Range]] = {}
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")
    waives: ClassVar[frozenset[str]] = frozenset({"not_visible", "nothing_moves"})
    info: ClassVar[ScenarioInfo] = ScenarioInfo(name="file", law="none", quantity="none", summary="scenes of a file")

    def __init__(self, name: str, document: Mapping[str, Any]) -> None:
        self._name = name
        self._source = SourceFile(Path(f"{name}.yaml"), {**document, "name": name}, {})
        self._caption: str | None = None

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a scene; see ``Scenario``.

        Raises:
            ConfigError: the file does not fit, or its actions do not fit into the frames of the settings.
        """
        loaded: LoadedScene = draw_with(self._source, rng, root_seed, index)
        self._caption = loaded.caption
        try:
            return loaded.spec.edited(
                num_frames=settings.num_frames,
                frame_rate=settings.frame_rate,
                physics_rate=settings.physics_rate,
                width=settings.width,
                height=settings.height,
            )
        except SceneSpecError as error:
            raise ConfigError(f"the scene file '{self._name}' does not fit the build's settings: {error}") from error

    def caption(self, spec: SceneSpec) -> str:
        """Return the file's caption, or the bodies."""
        words = [with_article(f"{body.appearance.color_name} {body.noun}") for body in spec.instances]
        return self._caption or (listing(words) if words else "")

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return nothing: a file states no law."""
        return {}

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return nothing: a file states no law."""
        return {}


def read_folder(folder: str) -> dict[str, Any]:
    """Return what the scene files of a folder say, meshes included, by the names of the files.

    Raises:
        ConfigError: no folder, no file in it, one that is no scene, or one with the name of a scenario.
    """
    paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in (".yaml", ".yml"))
    if not paths:
        raise ConfigError(f"scenes: {folder} is no folder with scene files (*.yaml); write one with 'new scene.yaml'.")
    return {path.stem: read_document(path) for path in paths}


def read_document(path: Path) -> dict[str, Any]:
    """Return what a scene file says, with the bytes of its meshes in place of their names.

    Raises:
        ConfigError: no scene file, or a mesh that cannot be read.
    """
    return with_mesh_data(read_source(path).data, path.parent)


def check_documents(documents: Documents, seed: int) -> None:
    """Draw one scene of each file, so that mistakes are found before a build.

    Raises:
        ConfigError: a name that is no scenario's, or a file that does not fit.
    """
    for name, document in documents.items():
        if name in SCENARIOS:
            raise ConfigError(f"scenes: '{name}' is a built-in scenario; give the file another name.")
        FileScenario(name, document).sample(np.random.default_rng(seed), SceneSettings(), seed, 0)


def scenario_named(name: str, documents: Documents) -> Scenario:
    """Return the scenario of a file, or the built-in one.

    Raises:
        UnknownNameError: no such scenario.
    """
    return FileScenario(name, documents[name]) if name in documents else SCENARIOS.get(name)()
