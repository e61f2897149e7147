"""The commands of ``python -m eval``. Heavy parts are imported by the command that needs them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from eval.audit.__main__ import audit
from physics_data.core.program import Table, make_app, messages, print_listing, progress_bar

if TYPE_CHECKING:
    from eval.report.table import SeedScore, Summary

app = make_app(
    "Score videos of any model against simulated reference scenes, or without a reference.", renamed={"twins": "pairs"}
)


@app.command()
def score(
    videos: Annotated[
        Path,
        typer.Argument(help="Folder with one video per reference clip, named <key>.mp4; or a folder of such folders."),
    ],
    reference: Annotated[Path, typer.Option(help="Physics dataset whose clips the videos continue.")],
    out: Annotated[Path, typer.Option(help="Folder for scenes.csv, summary.json, report.html, gallery/.")],
    split: Annotated[str, typer.Option(help="Split of the reference: train or test.")] = "test",
    name: Annotated[str | None, typer.Option(help="Name of a single system; default: its folder's name.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    num_conditioning_frames: Annotated[
        int | None,
        typer.Option(
            min=0, help="Number of conditioning frames; not scored. Default: from the records next to the videos."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and the permutation tests.")] = 0,
    gallery: Annotated[int, typer.Option(min=0, help="Worst clips drawn for each system.")] = 2,
    tracks: Annotated[
        Path | None,
        typer.Option(
            help="Folder of <key>.npz with masks of another segmentation model, used instead of the built-in tracker.",
            exists=True,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json on stdout.")] = False,
) -> None:
    """Track the objects in videos and score object permanence and motion realism, with 95 % intervals.

    Videos are compared with the reference in seconds and at its size; missing or unreadable ones get the worst score.

    Example: `python -m eval score runs/demo/systems --reference runs/demo/physics --out runs/demo/scores`
    """
    from eval.inputs import check_made_for, conditioning_frames, find_systems, read_record, videos_in
    from eval.report.bundle import GALLERY_NAME, PAGE_NAME, ROWS_NAME, write_bundle
    from eval.report.gallery import write_gallery
    from eval.report.page import write_page
    from eval.report.table import Kind, Summary, read_rows
    from eval.scoring import REFERENCE_NAME, reference_positions, reference_system, score_systems
    from eval.store import STORE_NAME, RowStore, code_fingerprint
    from physics_data.core.atomic import folder_lock
    from physics_data.core.counterfactual import SETS_NAME
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError

    if reference.is_dir() and videos_in(reference):
        raise DataError(
            f"{reference} holds videos, score needs a physics dataset; for recordings use "
            f"'python -m eval compare {reference} {videos}'."
        )
    dataset = ShardDataset(reference)
    if (reference / SETS_NAME).is_file():
        raise DataError(
            f"{reference} holds counterfactual sets; score answers to them with 'python -m eval counterfactuals "
            f"{videos} --reference {reference} --out {out}'."
        )
    positions = reference_positions(dataset, split)
    systems = find_systems(videos, {dataset.rows[position].key for position in positions}, name)
    folders = [(system.name, system.folder) for system in systems]
    check_made_for(folders, dataset.digest, str(reference))
    number = conditioning_frames(folders, num_conditioning_frames)
    systems.append(reference_system(systems, dataset.folder))
    rows, scoring = [], f"{dataset.digest}-{code_fingerprint()}-g{number}"
    # Tracks of somebody else may change without the videos: their rows are not kept.
    with folder_lock(out), progress_bar() as progress:
        store = RowStore(out / STORE_NAME, scoring) if tracks is None else None
        bar = progress.add_task("scoring scenes", total=len(positions), note=f"{len(systems)} systems")
        for found in score_systems(dataset, positions, systems, number, workers, tracks, store):
            rows += found
            progress.advance(bar)
    facts = {
        "reference": str(reference),
        "reference_digest": dataset.digest,
        "scoring": scoring,
        "split": split,
        "perception": "built in" if tracks is None else f"plug-in: {tracks.resolve().name}",
        "unmatched": {system.name: list(system.unmatched) for system in systems if system.unmatched},
    }
    kinds: dict[str, Kind] = {REFERENCE_NAME: "ceiling"}
    kinds |= {name: kind for name, folder in folders if (kind := read_record(folder).kind) is not None}
    record = write_bundle(out, rows, seed, facts, kinds=kinds, num_conditioning_frames=number)
    drawn = [row for row in rows if row.system != REFERENCE_NAME] if tracks is None else []
    entries = write_gallery(out / GALLERY_NAME, dataset, systems, drawn, gallery, number)
    summary = Summary(**{field: record[field] for field in Summary.model_fields})
    stored = read_rows(out / ROWS_NAME)
    shown = {key: value for key, value in record.items() if key not in Summary.model_fields}
    write_page(out / PAGE_NAME, summary, stored, shown, [(out / GALLERY_NAME / e.file, e.caption) for e in entries])
    for system in systems:
        if system.unmatched:
            some = ", ".join(system.unmatched[:3])
            messages.print(f"[yellow]{system.name}[/yellow]: {len(system.unmatched)} files match no clip ({some} …)")
    if as_json:
        typer.echo(json.dumps(record, indent=1))
    messages.print(summary_table(summary))
    messages.print(f"Open [bold]{out / PAGE_NAME}[/bold]; one row per scene in {out / 'scenes.csv'}")
    if warn_of_broken(summary, stored):
        raise typer.Exit(1)


@app.command()
def report(
    bundles: Annotated[list[Path], typer.Argument(help="Folders that 'score' wrote, on the same reference.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and the permutation tests.")] = 0,
) -> None:
    """Join score bundles into one page; all aggregates are recomputed from the per-scene rows.

    Example: `python -m eval report runs/a/scores runs/b/scores --out runs/comparison.html`
    """
    from eval.report.bundle import GALLERY_NAME, read_bundle, shared_conditioning_frames
    from eval.report.page import write_page
    from eval.report.table import Kind, summarise
    from physics_data.core.errors import DataError

    rows, facts, pictures = [], {}, []
    perceptions, records = {}, {}
    kinds: dict[str, Kind] = {}
    for folder in bundles:
        found, record = records[folder] = read_bundle(folder)
        perceptions[str(record.get("perception", "built in"))] = folder
        if len(perceptions) > 1:
            raise DataError(
                f"{' and '.join(map(str, perceptions.values()))} were seen by different perceptions "
                f"({', '.join(perceptions)}); they cannot share a table."
            )
        rows += [row for row in found if kinds.get(row.system, "model") == "model"]
        kinds |= {system["name"]: system["kind"] for system in record["systems"] if record["has_baselines"]}
        facts[str(folder)] = f"{record['command']} (commit {record['commit']})"
        pictures += [(p, p.stem.replace("--", ", ")) for p in sorted((folder / GALLERY_NAME).glob("*.png"))]
    facts["num_conditioning_frames"] = shared_conditioning_frames({f: record for f, (_, record) in records.items()})
    summary = summarise(rows, seed, kinds=kinds)
    write_page(out, summary, rows, facts, pictures)
    messages.print(summary_table(summary))
    messages.print(f"Open [bold]{out}[/bold]")


app.command()(audit)


@app.command()
def compare(
    real: Annotated[Path, typer.Argument(help="Folder of recordings.")],
    generated: Annotated[Path, typer.Argument(help="Folder of generated videos, each named like its recording.")],
    out: Annotated[Path, typer.Option(help="Folder for comparison.json, compared.csv, report.html.")],
    second_take: Annotated[
        Path | None, typer.Option(help="Folder of second recordings of the same events: Physics-IQ's ceiling.")
    ] = None,
    num_conditioning_frames: Annotated[
        int,
        typer.Option(
            "--num-conditioning-frames",
            "--conditioning-frames",
            min=0,
            help="Number of conditioning frames, at the recording's rate; not compared.",
        ),
    ] = 0,
    side: Annotated[int, typer.Option(min=64, help="Longer side at which tracks are measured, px.")] = 640,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print comparison.json on stdout.")] = False,
) -> None:
    """Compare generated videos with recordings of the same events: Physics-IQ, PSNR, SSIM, and the tracks in both.

    Example: `python -m eval compare recordings/ generated/ --conditioning-frames 9 --out runs/compared`
    """
    from eval.real_reference import RealComparison, compare_with_recordings, write_comparison
    from physics_data.core.atomic import require_writable

    require_writable(out)
    result = None
    with progress_bar() as progress:
        bar = progress.add_task("comparing videos", total=None, note="")
        for found in compare_with_recordings(
            real, generated, second_take, num_conditioning_frames=num_conditioning_frames, side=side, seed=seed
        ):
            result = found if isinstance(found, RealComparison) else result
            progress.advance(bar)
    assert result is not None, "the last item is the comparison of all"
    write_comparison(out, result)
    if as_json:
        typer.echo(result.model_dump_json(indent=1))
        return
    table = Table("figure", "mean", "95 %", "videos")
    for name, figure in result.means.items():
        interval = "–" if figure.low is None else f"{figure.low:.3f} to {figure.high:.3f}"
        table.add_row(name.replace("_", " "), f"{figure.mean:.3f}", interval, str(figure.videos))
    messages.print(table)
    for name in result.without_video:
        messages.print(f"{name}: no generated video.", markup=False)
    messages.print(
        f"Physics-IQ {result.physics_iq:.1f}, Verified {result.physics_iq_verified:.1f} of 100, which is a "
        f"{result.ceiling}. Page and tables are in {out}."
    )
    if result.note:
        messages.print(result.note)


@app.command()
def pairs(
    dataset: Annotated[Path, typer.Argument(help="Dataset with possible/impossible pairs.")],
    out: Annotated[Path, typer.Option(help="Folder for pairs.json, pairs.md and, with --audit, scores.json.")],
    scores: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns key,score, or JSON {key: score}.", exists=True),
    ] = None,
    by_audit: Annotated[bool, typer.Option("--audit", help="Score the clips with the built-in audit instead.")] = False,
    is_loss: Annotated[bool, typer.Option("--loss", help="Lower scores mean more plausible clips.")] = False,
    split: Annotated[str | None, typer.Option(help="Split of the dataset; default all.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print pairs.json on stdout.")] = False,
) -> None:
    """Measure how often a model scores possible clips above impossible ones: pairwise accuracy, AUROC.

    Examples: `python -m worldsim likelihood --model runs/dit --dataset runs/pairs --out losses.csv`,
    `python -m eval pairs runs/pairs --scores losses.csv --loss --out runs/pair_scores`
    """
    from eval.pairs.pair_figures import as_markdown, score_pairs
    from eval.pairs.pair_scores import audit_scores, write_scores
    from physics_data.core.atomic import require_writable, write_text
    from physics_data.core.dataset import ShardDataset

    require_writable(out)
    if (scores is None) != by_audit:
        raise typer.BadParameter("give either --scores FILE or --audit.")
    if scores is None:
        scores = out / "scores.json"
        clips = ShardDataset(dataset)
        with progress_bar() as progress:
            found = audit_scores(clips, split)
            write_scores(scores, dict(progress.track(found, total=len(clips.select(split=split)), description="audit")))
    summary = score_pairs(dataset, scores, split=split, meaning="loss" if is_loss else "plausibility", seed=seed)
    write_text(out / "pairs.json", summary.model_dump_json(indent=1))
    table = as_markdown(summary)
    write_text(out / "pairs.md", table)
    typer.echo(summary.model_dump_json(indent=1)) if as_json else messages.print(table, markup=False)


@app.command()
def counterfactuals(
    videos: Annotated[
        Path,
        typer.Argument(help="Folder with one video per counterfactual, named <key>.mp4; or a folder of such folders."),
    ],
    reference: Annotated[Path, typer.Option(help="Dataset of 'python -m physics_data counterfactuals'.")],
    out: Annotated[Path, typer.Option(help="Folder for answers.csv and skill.json.")],
    name: Annotated[str | None, typer.Option(help="Name of a single system; default: its folder's name.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print skill.json on stdout.")] = False,
) -> None:
    """Score a model's answers to "what if": 1 = as simulated, 0 = no better than ignoring the change.

    prompts.csv of the dataset says what to ask, given/KEY.mp4 holds the frames up to the change.

    Example: `python -m eval counterfactuals my_model --reference runs/counterfactuals --out runs/skill`
    """
    from dataclasses import asdict

    import numpy as np

    from eval.inputs import check_made_for, find_systems
    from eval.metrics.counterfactual_skill import answers_as_csv, answers_of, skill_rows
    from physics_data.core.atomic import require_writable, write_text
    from physics_data.core.counterfactual import pairs_of, read_sets
    from physics_data.core.dataset import ShardDataset

    require_writable(out)
    dataset = ShardDataset(reference)
    keys = {member.key for _, member in pairs_of(read_sets(dataset.folder))}
    systems = find_systems(videos, keys, name)
    check_made_for([(system.name, system.folder) for system in systems], dataset.digest, str(reference))
    answers = {system.name: answers_of(dataset, system) for system in systems}
    rows = {system: skill_rows(found, np.random.default_rng(seed)) for system, found in answers.items()}
    record = {
        "reference": str(reference),
        "reference_digest": dataset.digest,
        "skill": {system: {row.change: asdict(row.skill) for row in found} for system, found in rows.items()},
        "hidden": sorted({answer.key for found in answers.values() for answer in found if answer.skill is None}),
        "not_whole": {
            system: {answer.key: answer.status for answer in found if answer.status != "ok"}
            for system, found in answers.items()
        },
        "unmatched": {system.name: list(system.unmatched) for system in systems if system.unmatched},
    }
    write_text(out / "answers.csv", answers_as_csv(answers))
    write_text(out / "skill.json", json.dumps(record, indent=1))
    if as_json:
        typer.echo(json.dumps(record, indent=1))
    table = Table("system", "change", "counterfactual skill", "95 %", "sets")
    for system, found in rows.items():
        for row in found:
            interval = row.skill
            spread = "–" if interval.low is None else f"{interval.low:.3f} to {interval.high:.3f}"
            table.add_row(system, row.change, f"{interval.mean:.3f}", spread, str(interval.scenes))
    messages.print(table)
    if record["hidden"]:
        messages.print(f"the change shows in no picture, not scored: {', '.join(record['hidden'])}", markup=False)
    for system in systems:
        if system.unmatched:
            some = ", ".join(system.unmatched[:3])
            messages.print(
                f"{system.name}: {len(system.unmatched)} files match no counterfactual ({some} …)", markup=False
            )
        if broken := record["not_whole"][system.name]:
            key, status = next(iter(broken.items()))
            messages.print(
                f"{system.name}: {len(broken)} of {len(keys)} videos count as black where they are missing, such as "
                f"{key}: {status}",
                markup=False,
            )
            if len(broken) == len(keys) and not any(status.startswith("ends") for status in broken.values()):
                raise typer.Exit(1)


@app.command("list")
def list_members(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List the metrics with their direction and one line each.

    Example: `python -m eval list --json`
    """
    from eval.report.table import metric_lines

    print_listing({"metrics": metric_lines()}, as_json)


def warn_of_broken(summary: "Summary", rows: "Sequence[SeedScore]") -> bool:
    """Print which systems' videos are not whole, with a reason; return whether a system has none that is usable."""
    none_usable = False
    for system in summary.systems:
        if system.kind == "model" and system.broken:
            reason = next(row.reason for row in rows if row.system == system.name and row.status != "ok")
            usable = any(row.system == system.name and row.status in ("ok", "short") for row in rows)
            none_usable |= not usable
            text = f"{system.name}: {system.broken} of {system.scenes * system.seeds} videos, such as: {reason}"
            messages.print(f"[{'yellow' if usable else 'red'}]{escape(text)}[/]", soft_wrap=True)
            if not usable:
                messages.print("[red]No video of it could be scored: its scores say nothing of the model.[/red]")
    return none_usable


def summary_table(summary: "Summary") -> Table:
    """Return the score table for the terminal."""
    from eval.report.page import show_estimate

    headline = summary.headline
    table = Table("system", *(metric.replace("_", " ") for metric in headline), "scenes", "not whole", show_lines=True)
    for system in summary.systems:
        estimates = (show_estimate(system.metrics[metric]).replace(" ", "\n", 1) for metric in headline)
        table.add_row(system.name, *estimates, str(system.scenes), system.broken or "–")
    return table
