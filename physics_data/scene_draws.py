"""Scenes by their seed, whatever they come from: a ``SceneSpec``, a scene file or a scenario."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from physics_data.core.config import validate_config
from physics_data.core.conventions import clip_generator
from physics_data.core.errors import ConfigError
from physics_data.core.scene import SceneSpec
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.settings import SceneSettings
from physics_data.scenes.scene_file import draw_scene, is_family, load_scene
from physics_data.scenes.source_lines import read_source
from physics_data.simulation import SCENE_SUFFIXES

Draw = Callable[[int], tuple[SceneSpec, str | None]]


@dataclass(frozen=True)
class SceneDraws:
    """Scenes by their seed.

    draw:      seed → scene and caption
    is_drawn:  whether the scene depends on the seed
    engine:    the engine that runs them unless another one is asked for
    """

    draw: Draw
    is_drawn: bool
    engine: str = "mujoco"


def scene_draws(scene: str | Path | SceneSpec, settings: dict[str, Any]) -> SceneDraws:
    """Return the scenes of a ``SceneSpec``, a scene file or a scenario by their seed.

    Raises:
        UnknownNameError: no such scenario.
        ConfigError: the file or the settings do not fit, or settings are given beside a file.
    """
    if isinstance(scene, str) and not scene.lower().endswith(SCENE_SUFFIXES):
        name = SCENARIOS.check(scene)
        checked = validate_config(SceneSettings, settings, source=f"the settings of make_env('{name}', ...)")
        scenario = SCENARIOS.get(name)()

        def sampled(seed: int) -> tuple[SceneSpec, str | None]:
            spec = scenario.sample(clip_generator(seed, name, 0), checked, seed, 0)
            return spec, scenario.caption(spec)

        return SceneDraws(sampled, True, SCENARIOS.get(name).engines[0])
    if settings:
        raise ConfigError(
            f"a scene says everything itself, and {', '.join(settings)} is given beside it; change the scene."
        )
    if isinstance(scene, SceneSpec):
        return SceneDraws(lambda seed: (scene, None), False)
    path = Path(scene)
    first = load_scene(path)
    if not is_family(source := read_source(path)):
        return SceneDraws(lambda seed: (first.spec, first.caption), False)

    def drawn(seed: int) -> tuple[SceneSpec, str | None]:
        loaded = draw_scene(source, seed, 0)
        return loaded.spec, loaded.caption

    return SceneDraws(drawn, True)
