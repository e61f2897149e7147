"""Commands that make clips: ``new``, ``simulate``, ``build`` and ``clip``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from physics_data.cli.options import ConfigOption, JsonOption, SetOption
from physics_data.core.program import Table, messages, progress_bar
from physics_data.core.urls import url_of

if TYPE_CHECKING:
    from physics_data.pipeline.build import BuildSummary, Estimate


def new(
    out: Annotated[Path, typer.Argument(help="File to write, e.g. scene.yaml.")],
) -> None:
    """Write a commented example scene file to edit and pass to ``simulate``.

    Example: `python -m physics_data new scene.yaml`
    """
    from physics_data.core.atomic import write_text
    from physics_data.core.errors import ConfigError
    from physics_data.scenes import EXAMPLE

    if out.exists():
        raise ConfigError(f"{out} is there already; give a new file, nothing is overwritten.")
    write_text(out, EXAMPLE.read_text(encoding="utf-8"))
    messages.print(f"written: {out}. Now: python -m physics_data simulate {out} --out clip.mp4")


def simulate(
    scene: Annotated[str, typer.Argument(help="A scene file (.yaml, .json), a model (.xml, .urdf), or a scenario.")],
    out: Annotated[
        Path,
        typer.Option(help="Video (.mp4, .gif, ...), 3-D (.glb, .usda, .rrd), model (.xml, .urdf), or a folder."),
    ],
    engine: Annotated[str | None, typer.Option(help="mujoco or bullet.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed of a scenario, or of a file with ranges or choices.")
    ] = 0,
    index: Annotated[int, typer.Option(min=0, help="Index of the random draw.")] = 0,
    resolved: Annotated[
        Path | None, typer.Option(help="Also write the resolved scene, with every value explicit.")
    ] = None,
    assignments: SetOption = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="Model feature that scenes do not support and that may be dropped; may be repeated."),
    ] = None,
) -> None:
    """Simulate one scene and write a video, an animated 3-D scene, or images with all labels.

    Prints the unspecified values and the events. `python -m physics_data new scene.yaml` writes an example.

    Examples: `python -m physics_data simulate scene.yaml --out clip.mp4`,
    `python -m physics_data simulate collide --seed 3 --out collide.gif`,
    `python -m physics_data simulate robot.xml --ignore limits --set num_frames=65 --out clip.mp4`,
    `python -m physics_data simulate scene.yaml --out scene.xml`,
    `python -m physics_data simulate scene.yaml --out scene.glb`
    """
    from physics_data.core.config import apply_overrides, validate_config
    from physics_data.core.errors import ConfigError
    from physics_data.engines import ENGINES
    from physics_data.pipeline.export import write_frames
    from physics_data.scenes.gltf import GLTF_SUFFIXES, write_gltf
    from physics_data.scenes.model_export import write_model
    from physics_data.scenes.model_file import MODEL_SUFFIXES, ModelSettings, load_model
    from physics_data.scenes.rerun_file import RERUN_SUFFIX, write_rerun
    from physics_data.scenes.scene_file import load_scene
    from physics_data.scenes.usd import USD_SUFFIXES, write_usd
    from physics_data.simulation import SCENE_SUFFIXES, save_scene, simulate_scene
    from physics_data.simulation import simulate as make_clip

    if assignments and scene.lower().endswith(SCENE_SUFFIXES):
        raise ConfigError(f"a scene file says everything itself, and --set is given beside it; change {scene}.")
    settings = apply_overrides({}, assignments or [])
    if is_model := scene.lower().endswith(MODEL_SUFFIXES):
        settings["ignore"] = tuple(ignore or ())
    elif ignore:
        raise ConfigError("--ignore names parts of a model (.xml, .urdf); leave it out.")
    if is_model or scene.lower().endswith(SCENE_SUFFIXES):
        if is_model:
            loaded = load_model(scene, validate_config(ModelSettings, settings, source="--set"))
        else:
            loaded = load_scene(scene, seed=seed, index=index)
        for note in loaded.notes:
            messages.print(f"assumed: {note}", markup=False)
        clip = simulate_scene(loaded.spec, ENGINES.check(engine or "mujoco"), caption=loaded.caption)
    else:
        clip = make_clip(scene, seed=seed, index=index, engine=engine, **settings)
    if resolved is not None and clip.meta.spec is not None:
        save_scene(clip.meta.spec, resolved)
    if out.suffix.lower() in GLTF_SUFFIXES:
        spec, _, trajectory = clip.labelled
        write_gltf(spec, trajectory, out)
    elif out.suffix.lower() in USD_SUFFIXES:
        write_usd(clip.labelled[0], clip.labelled[2], out)
    elif out.suffix.lower() == RERUN_SUFFIX:
        write_rerun(clip, out)
    elif out.suffix.lower() in MODEL_SUFFIXES:
        for note in write_model(clip.labelled[0], out):
            messages.print(note, markup=False)
    elif out.suffix:
        clip.save(out)
    else:
        write_frames(clip, out)
    for event in clip.meta.events:
        messages.print(
            f"{event.seconds:6.2f} s  {event.kind.replace('_', ' ')}: {', '.join(event.bodies)}", markup=False
        )
    facts = f"{clip.meta.num_frames} frames of {clip.meta.width}x{clip.meta.height} at {clip.meta.frame_rate:g} Hz"
    messages.print(f"written: {out} ({facts}, {clip.meta.engine})", markup=False)


def build(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Dataset folder to write, or its URL.")] = Path("runs/physics"),
    overrides: SetOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of worker processes, one shard each; default: one per core.")
    ] = None,
    executor: Annotated[str, typer.Option(help="local: processes of this machine; ray: a Ray cluster.")] = "local",
    resume: Annotated[bool, typer.Option("--resume", help="Resume the build in --out (the default).")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved config and the plan, time a few clips, and stop.")
    ] = False,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Run the shortcut audit of the pairs afterwards; fails if a shortcut is found."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete what is in --out first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Build a dataset, or resume an interrupted build.

    The result depends only on the config, not on the number of workers, the executor or interruptions.

    Example: `python -m physics_data build --config configs/data_demo.yaml --out runs/demo/physics`

    On a cluster with a shared file system: `RAY_ADDRESS=auto python -m physics_data build --config C --out /shared/D
    --executor ray --workers 64`

    Without a shared file system: `--out s3://bucket/D` (or gs://, ...). Each machine builds its shards in TMPDIR and
    uploads them.
    """
    from physics_data.core.config import dump_yaml, load_config
    from physics_data.core.errors import ConfigError
    from physics_data.core.provenance import num_cores
    from physics_data.pipeline.build import build as build_dataset
    from physics_data.pipeline.build import estimate, planned_clips
    from physics_data.pipeline.build_config import BuildConfig

    if executor not in ("local", "ray"):
        raise ConfigError(f"--executor {executor}; write --executor local or --executor ray.")
    if fresh and resume:
        raise ConfigError("--fresh deletes what --resume would go on with; leave out one of the two.")
    resolved = load_config(BuildConfig, config, overrides or ())
    parallel = workers or num_cores()
    if dry_run:
        typer.echo(dump_yaml(resolved), nl=False)
        _show_plan(estimate(resolved), out, parallel)
        return
    with progress_bar() as progress:
        bar = progress.add_task("physics clips", total=planned_clips(resolved), note="")
        summary = build_dataset(
            resolved,
            out,
            workers=parallel,
            executor="ray" if executor == "ray" else "local",
            fresh=fresh,
            on_clips=lambda count: progress.advance(bar, count),
        )
    if as_json:
        typer.echo(json.dumps(_plain(summary, out), indent=1))
    _show_summary(summary, out)
    if audit:
        from physics_data.cli.export_commands import run_audit

        run_audit(out, as_json=False)


def _show_plan(planned: "Estimate", out: Path, workers: int) -> None:
    splits = sorted({split for split, _ in planned.clips})
    table = Table("scenario or editor", *splits, title="planned clips", title_justify="left", title_style="bold")
    for name in sorted({name for _, name in planned.clips}):
        table.add_row(name, *(str(planned.clips[split, name] or "–") for split in splits))
    messages.print(table)
    minutes = planned.minutes(workers)
    messages.print(
        f"{planned.total_clips} clips in {planned.shards} shards would be built in {escape(url_of(out))}: about "
        f"{planned.total_bytes / 1e6:.1f} MB and {minutes:.1f} minutes with {workers} workers, each on a core of its "
        f"own ({planned.sampled} clips were made to measure: {planned.clip_seconds:.2f} s and "
        f"{planned.clip_bytes / 1024:.0f} KiB a clip)."
    )


def _show_summary(summary: "BuildSummary", out: Path) -> None:
    if summary.rejections:
        table = Table("scenario", "engine", "reason", "rejected", "of draws", title="rejected draws")
        for (scenario, engine, reason), count in sorted(summary.rejections.items()):
            table.add_row(scenario, engine, reason, str(count), str(summary.drawn[scenario, engine]))
        messages.print(table)
    made = summary.clips - summary.reused
    rate = f", {made / summary.seconds:.1f} clips/s" if made else ""
    rejected = f"{sum(summary.rejections.values())} of {sum(summary.drawn.values())}"
    messages.print(
        f"[green]{summary.clips} clips[/green] in {escape(url_of(out))} ({summary.bytes / 1e6:.1f} MB; {made} built "
        f"now in {summary.seconds:.1f} s{rate}; rejected draws: {rejected})"
    )


def _plain(summary: "BuildSummary", out: Path) -> dict[str, Any]:
    return {
        "dataset": url_of(out),
        "clips": summary.clips,
        "reused": summary.reused,
        "bytes": summary.bytes,
        "seconds": summary.seconds,
        "drawn": [[*names, count] for names, count in sorted(summary.drawn.items())],
        "rejections": [[*names, count] for names, count in sorted(summary.rejections.items())],
    }


def clip(
    dataset: Annotated[Path, typer.Option(help="Dataset folder that contains the clip.")],
    key: Annotated[str, typer.Option(help="Key of the clip.")],
    out: Annotated[
        Path | None, typer.Option(help="Also write the clip: a video (.mp4, .webm, .gif, ...) or a folder of images.")
    ] = None,
) -> None:
    """Regenerate one clip and compare it with the stored bytes.

    Example: `python -m physics_data clip --dataset runs/demo/physics --key free_drop-mujoco-0000000 --out clip.mp4`
    """
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from physics_data.core.video import write_video
    from physics_data.pipeline.export import write_frames
    from physics_data.pipeline.shard_maker import differing_parts, regenerate

    opened = ShardDataset(dataset)
    stored = opened.load(opened.find(key))
    made = regenerate(opened, key)
    if out is not None:
        write_video(out, made.rgb, made.meta.frame_rate, "yuv420p") if out.suffix else write_frames(made, out)
        messages.print(f"written: {escape(str(out))}")
    differing = differing_parts(stored, made)
    if differing:
        earlier = "" if stored.meta.format == made.meta.format else f" as {stored.meta.format} by an earlier version"
        raise DataError(
            f"clip '{key}' comes out differently in {', '.join(differing)}; it was made with {stored.meta.engine} "
            f"{stored.meta.engine_version}{earlier}. Compare the versions in "
            f"{dataset / 'dataset.yaml'} with the installed ones."
        )
    messages.print(f"[green]{key}[/green] made again, alone: equal to the byte")


def warmup(as_json: JsonOption = False) -> None:
    """Compile and cache the kernels of renderer, labels and engines.

    The cache lies next to the sources or, if these are read-only, in the user's cache folder or NUMBA_CACHE_DIR.

    Example: `python -m physics_data warmup`
    """
    import time
    from typing import get_args

    from physics_data.core.clip import Stream
    from physics_data.engines import ENGINES
    from physics_data.labels.tables import point_tracks
    from physics_data.pipeline.generate import ClipTask, generate_clip
    from physics_data.scenarios.shared.settings import SceneSettings

    streams, seconds = get_args(Stream), {}
    engines = [name for name in ENGINES if name not in ENGINES.missing()]
    plain = SceneSettings(width=32, height=32)
    varied = SceneSettings(width=32, height=32, appearance="varied")
    for engine, settings in [(engine, plain) for engine in engines] + [(engines[0], varied)]:
        started = time.perf_counter()
        made = generate_clip(ClipTask("collide", engine, 0), settings, 0, "raycast", streams)
        point_tracks(made.clip)
        seconds[f"{engine}, {settings.appearance} appearance"] = round(time.perf_counter() - started, 2)
    if as_json:
        typer.echo(json.dumps(seconds, indent=1))
        return
    for name, value in seconds.items():
        messages.print(f"{name}: {value:.1f} s", markup=False)
    messages.print("All kernels are compiled; a second call shows what is left of the time.")
