"""The Python interface of this package: ``simulate`` makes one clip, ``build_dataset`` makes a folder of them."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import yaml

from physics_data.core.arguments import checked_arguments
from physics_data.core.clip import DEFAULT_STREAMS, Clip, Stream
from physics_data.core.config import load_config, validate_config
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, UnknownNameError, suggest
from physics_data.core.scene import SceneSpec
from physics_data.engines import ENGINES
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.captions import listing, with_article
from physics_data.pipeline.generate import ClipTask, generate_clip, labelled_clip, require_clip_memory
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings
from physics_data.scenes.model_file import MODEL_SUFFIXES, ModelSettings, load_model
from physics_data.scenes.scene_file import load_scene

SCENE_SUFFIXES = (".yaml", ".yml", ".json")


@checked_arguments
def simulate(
    scene: str | Path | SceneSpec,
    *,
    seed: int = 0,
    index: int = 0,
    engine: str | None = None,
    renderer: str = "raycast",
    streams: Collection[str] = DEFAULT_STREAMS,
    **settings: Any,
) -> Clip:
    """Simulate and render one clip with all its labels.

    Args:
        scene: name of a scenario, a ``SceneSpec``, a scene file (see ``scenes.scene_file``; YAML or JSON), or a model:
            MJCF or URDF (see ``scenes.model_file``)
        seed: root seed of the draw; for scenarios, and scene files that have ranges or choices
        index: number of the draw; equal (seed, index) give equal bytes, also in a dataset built with that seed
        engine: "mujoco" or "bullet"; default: the scenario's first, MuJoCo for a ``SceneSpec``
        renderer: name from ``list_renderers``
        streams: optional labels to render: "optical_flow", "backward_flow", "normal_map", "object_coordinates"
        settings: fields of ``SceneSettings``, e.g. ``width=128, num_frames=33, appearance="varied"``; a scenario,
            or of ``ModelSettings``; a model

    Returns:
        The clip: ``clip.rgb`` uint8 [t h w 3], ``clip.depth_map`` m [t h w], ``clip.instance_ids`` [t h w],
        ``clip.contacts``, ``clip.trajectory``, ``clip.meta``; ``clip.save("x.mp4")``. It shows itself in a notebook.

    Raises:
        UnknownNameError: no such scenario, engine, renderer or stream.
        ConfigError: settings, a seed or an index that do not fit, or settings or a seed beside a ``SceneSpec``.
        EngineError: the engine cannot run the scene.

    Examples:
        >>> clip = simulate("drop_bounce", seed=3)
        >>> clip.rgb.shape
        (17, 64, 64, 3)
    """
    for what, number, end in (("seed", seed, 2**128), ("index", index, 2**31)):
        if not isinstance(number, int | np.integer) or not 0 <= number < end:
            raise ConfigError(f"{what}={number!r} is no whole number from 0 to {end - 1}; give one, e.g. {what}=3.")
    asked = _known_streams(streams)
    if isinstance(scene, str) and not scene.lower().endswith((*SCENE_SUFFIXES, *MODEL_SUFFIXES)):
        name = SCENARIOS.check(scene)
        chosen = ENGINES.check(engine or SCENARIOS.get(name).engines[0])
        checked = validate_config(SceneSettings, settings, source=f"the settings of simulate('{name}', ...)")
        return generate_clip(ClipTask(name, chosen, index), checked, seed, renderer, asked).clip
    if not isinstance(scene, SceneSpec) and str(scene).lower().endswith(MODEL_SUFFIXES):
        if seed or index:
            raise ConfigError(f"nothing is drawn in {scene}, and a seed or an index is given beside it; leave it out.")
        given = validate_config(ModelSettings, settings, source=f"the settings of simulate('{scene}', ...)")
        return simulate_scene(load_model(scene, given).spec, ENGINES.check(engine or "mujoco"), renderer, asked)
    if settings:
        raise ConfigError(
            f"a scene says everything itself, and {', '.join(settings)} is given beside it; change the scene."
        )
    chosen = ENGINES.check(engine or "mujoco")
    if not isinstance(scene, SceneSpec):
        loaded = load_scene(scene, seed=seed, index=index)
        return simulate_scene(loaded.spec, chosen, renderer, asked, loaded.caption)
    if seed or index:
        raise ConfigError(
            "a SceneSpec says everything itself, and a seed or an index is given beside it; leave it out."
        )
    return simulate_scene(scene, chosen, renderer, asked)


@checked_arguments
def build_dataset(
    config: str | Path | dict[str, Any] | BuildConfig,
    out: str | Path,
    *,
    workers: int = 1,
    fresh: bool = False,
    overrides: Sequence[str] = (),
    on_clips: Callable[[int], None] = lambda count: None,
) -> ShardDataset:
    """Build a dataset folder, or finish an interrupted one, and open it.

    Args:
        config: a ``BuildConfig``, its fields as a dictionary, or a YAML file
        out: dataset folder
        workers: processes; the result does not depend on their number
        fresh: delete what is in ``out`` first
        overrides: ``a.b=value`` changes of a YAML file
        on_clips: called with the number of clips that were finished since the last call

    Raises:
        ConfigError: the config does not fit.
        DataError: ``out`` holds a dataset of another config.
        StorageError: the disk refused a write; finished shards stay, and the same call continues.
    """
    if overrides and not isinstance(config, str | Path):
        raise ConfigError("overrides change a YAML file; change the given config itself instead.")
    if isinstance(config, str | Path):
        resolved = load_config(BuildConfig, Path(config), overrides)
    else:
        fields = config.model_dump() if isinstance(config, BuildConfig) else config
        resolved = validate_config(BuildConfig, fields, source="the config of build_dataset")
    build(resolved, Path(out), workers=workers, fresh=fresh, on_clips=on_clips)
    return ShardDataset(Path(out))


@checked_arguments
def save_scene(spec: SceneSpec, path: str | Path) -> None:
    """Write a scene as YAML (or JSON, by the suffix), which ``simulate`` reads."""
    path = Path(path)
    if path.suffix.lower() not in SCENE_SUFFIXES:
        raise ConfigError(f"cannot write {path}: the suffix '{path.suffix}' is none of {', '.join(SCENE_SUFFIXES)}.")
    from physics_data.core.atomic import write_text

    plain = spec.model_dump(mode="json", exclude_defaults=False)
    is_json = path.suffix.lower() == ".json"
    write_text(path, spec.model_dump_json(indent=1) if is_json else yaml.safe_dump(plain, sort_keys=False))


def simulate_scene(
    spec: SceneSpec,
    engine_name: str,
    renderer: str = "raycast",
    streams: Collection[Stream] = DEFAULT_STREAMS,
    caption: str | None = None,
) -> Clip:
    """Simulate, render and label a scene; without a caption the bodies are listed.

    Raises:
        EngineError: the engine cannot run the scene.
    """
    require_clip_memory(spec.num_frames, spec.height, spec.width, streams)
    engine = ENGINES.get(engine_name)()
    trajectory = engine.simulate(spec)
    words = [with_article(f"{body.appearance.color_name} {body.noun}") for body in spec.instances]
    return labelled_clip(
        f"{_key(spec.scenario)}-{engine_name}-{spec.index:07d}",
        "train",
        caption or (listing(words) if words else ""),
        spec,
        trajectory,
        RENDERERS.get(renderer)().render(spec, trajectory, streams),
        engine=engine,
        renderer_name=renderer,
        residuals={},
    )


def _key(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in name)


def _known_streams(names: Collection[str]) -> frozenset[Stream]:
    known = get_args(Stream)
    for name in names:
        if name not in known:
            raise UnknownNameError(f"unknown stream '{name}': {suggest(name, known)}")
    return frozenset(cast(Collection[Stream], names))
