"""The commands of ``python -m physics_data``. Heavy parts are imported by the command that needs them."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from physics_data.core.program import make_app, messages, print_listing, progress_bar

app = make_app("Make, check and look at physics datasets: scenes simulated by two engines, drawn by one renderer.")

ConfigOption = Annotated[Path, typer.Option(help="YAML file, e.g. configs/data_demo.yaml.")]
OutOption = Annotated[Path, typer.Option(help="Dataset folder to write.")]
DatasetArgument = Annotated[Path, typer.Argument(help="A dataset folder.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override a value: --set settings.width=128.")]


@app.command()
def build(
    config: ConfigOption,
    out: OutOption = Path("runs/physics"),
    overrides: SetOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one per core.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved config and stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete what is in --out first.")] = False,
) -> None:
    """Build a dataset, or go on with one that was interrupted.

    The result depends on the config alone, never on the number of workers or on interruptions.

    Example: `python -m physics_data build --config configs/data_demo.yaml --out runs/demo/physics`
    """
    from physics_data.core.config import dump_yaml, load_config
    from physics_data.core.provenance import num_cores
    from physics_data.pipeline.build import build as build_dataset
    from physics_data.pipeline.build_config import BuildConfig

    resolved = load_config(BuildConfig, config, overrides or ())
    total = sum(len(tasks) for tasks in resolved.shards().values())
    if dry_run:
        typer.echo(dump_yaml(resolved), nl=False)
        messages.print(f"{total} clips in {len(resolved.shards())} shards would be built in {out}.")
        return
    with progress_bar() as progress:
        bar = progress.add_task("physics clips", total=total, note="")
        summary = build_dataset(
            resolved,
            out,
            workers=workers or num_cores(),
            fresh=fresh,
            on_clips=lambda count: progress.advance(bar, count),
        )
    made = summary.clips - summary.reused
    rate = f", {made / summary.seconds:.1f} clips/s" if made else ""
    rejected = ", ".join(f"{count} by {engine}" for engine, count in sorted(summary.rejections.items())) or "none"
    messages.print(
        f"[green]{summary.clips} clips[/green] in {out} ({summary.bytes / 1e6:.1f} MB; {made} made now in "
        f"{summary.seconds:.1f} s{rate}; rejected draws: {rejected})"
    )


@app.command()
def check(dataset: DatasetArgument) -> None:
    """Read every clip of a dataset, verify its checksum and labels, and summarise.

    Example: `python -m physics_data check runs/demo/physics`
    """
    from physics_data.core.dataset import ShardDataset

    opened = ShardDataset(dataset)
    counts: Counter[tuple[str, str, str]] = Counter()
    residuals: dict[tuple[str, str, str], list[float]] = {}
    with progress_bar() as progress:
        for position in progress.track(range(len(opened)), description="checking"):
            clip = opened.load(position)
            row = opened.rows[position]
            source = (row.scenario or row.source, row.engine or "-")
            counts[(*source, row.split)] += 1
            if clip.meta.source == "physics":
                spec, _, trajectory = clip.labelled
                trajectory.check_fits(spec)
            for law, value in clip.meta.residuals.items():
                residuals.setdefault((*source, law), []).append(value)
    table = Table(
        "scenario or source", "engine", "split", "clips", title=f"{dataset}: all {len(opened)} clips are whole"
    )
    for names, count in sorted(counts.items()):
        table.add_row(*names, str(count))
    messages.print(table)
    if residuals:
        laws = Table("scenario", "engine", "law residual", "median", "largest")
        for names, values in sorted(residuals.items()):
            laws.add_row(*names, f"{np.median(values):.2e}", f"{max(values):.2e}")
        messages.print(laws)


@app.command()
def preview(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="PNG to write.")] = Path("preview.png"),
    count: Annotated[int, typer.Option(min=1, help="Number of clips, spread over the dataset.")] = 8,
    split: Annotated[str | None, typer.Option(help="train or test; default both.")] = None,
    labels: Annotated[bool, typer.Option("--labels", help="Show ids and depth under each clip.")] = False,
) -> None:
    """Draw a contact sheet of some clips.

    Example: `python -m physics_data preview runs/demo/physics --labels --out preview.png`
    """
    from PIL import Image

    from physics_data.core.atomic import atomic_path
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from physics_data.core.sheets import contact_sheet
    from physics_data.pipeline.label_pictures import depth_picture, id_picture

    opened = ShardDataset(dataset)
    positions = opened.select(split=split)
    if not positions:
        raise DataError(f"{dataset} has no clip of split '{split}'; it has {sorted({r.split for r in opened.rows})}.")
    chosen = [positions[i] for i in np.linspace(0, len(positions) - 1, min(count, len(positions))).round().astype(int)]
    videos, captions = [], []
    for position in chosen:
        clip = opened.load(position)
        videos.append(clip.rgb)
        captions.append(f"{clip.meta.key}: {clip.meta.caption or '(no caption)'}")
        if labels and clip.rendering is not None:
            videos += [id_picture(clip.rendering.instance_ids), depth_picture(clip.rendering.depth_map)]
            captions += ["instance ids", "depth (near = light)"]
    with atomic_path(out) as partial:
        Image.fromarray(contact_sheet(videos, captions)).save(partial)
    messages.print(f"{len(chosen)} clips drawn in {out}")


@app.command()
def regenerate(dataset: DatasetArgument, key: Annotated[str, typer.Argument(help="Key of a clip.")]) -> None:
    """Make one clip again from its stored scene alone and compare it with the stored bytes.

    Example: `python -m physics_data regenerate runs/demo/physics free_drop-mujoco-0000000`
    """
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from physics_data.pipeline.regenerate import differing_parts

    opened = ShardDataset(dataset)
    clip = opened.load(opened.find(key))
    differing = differing_parts(clip)
    if differing:
        raise DataError(
            f"clip '{key}' comes out differently in {', '.join(differing)}; it was made with {clip.meta.engine} "
            f"{clip.meta.engine_version}. Compare the versions in {dataset / 'dataset.yaml'} with the installed ones."
        )
    messages.print(f"[green]{key}[/green] made again from its scene: equal to the byte")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a scene on stdout.

    Example: `python -m physics_data schema > scene.schema.json`
    """
    from physics_data.core.scene import SceneSpec

    typer.echo(json.dumps(SceneSpec.model_json_schema(), indent=2))


@app.command("list")
def list_members(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List scenarios, engines and renderers with one line each.

    Example: `python -m physics_data list --json`
    """
    from physics_data.engines import ENGINES
    from physics_data.renderers import RENDERERS
    from physics_data.scenarios import SCENARIOS

    print_listing({f"{r.family}s": r.summaries() for r in (SCENARIOS, ENGINES, RENDERERS)}, as_json)
