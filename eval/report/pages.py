"""The pages of result folders: HTML, JSON, CSV and Markdown, from one or several bundles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from eval.report.bundle import GALLERY_NAME, PAGE_NAME, read_bundle, shared_conditioning_frames, write_bundle
from eval.report.gallery import CAPTIONS_NAME
from eval.report.page import Curve, show_estimate, write_page
from eval.report.table import Kind, SeedScore, Summary, verdict
from physics_data.core.atomic import write_text
from physics_data.core.errors import DataError

CURVES_NAME, MARKDOWN_NAME = "curves.json", "report.md"


def write_pages(bundles: Sequence[Path], out: Path, seed: int = 0) -> dict[str, Any]:
    """Write ``report.html`` and ``report.md`` of bundles into ``out``; several are first joined into a bundle there.

    A baseline that several bundles hold is taken from the first one.

    Raises:
        DataError: bundles that do not belong together, or whose aggregates were changed.
        StorageError: the disk refused.
    """
    rows: list[SeedScore] = []
    kinds: dict[str, Kind] = {}
    curves: dict[str, dict[str, Any]] = {}
    pictures: list[tuple[Path, str]] = []
    record: dict[str, Any] = {}
    records: dict[Path, dict[str, Any]] = {}
    for folder in bundles:
        found, record = read_bundle(folder)
        records[folder] = record
        named: dict[str, Kind] = {system["name"]: system["kind"] for system in record["systems"]}
        known = {name for name, kind in kinds.items() if kind != "model"}
        rows += [row for row in found if row.system not in known]
        kinds |= named
        for title, lines in _read_json(folder / CURVES_NAME, _CURVES).items():
            curves[title] = {**lines, **curves.get(title, {})}
        for file, caption in _read_json(folder / GALLERY_NAME / CAPTIONS_NAME, _CAPTIONS).items():
            picture = folder / GALLERY_NAME / file
            # A name from a file may not lead out of its folder: what it names is shown to everybody.
            if Path(file).name != file or picture.suffix != ".png" or picture.is_symlink() or not picture.is_file():
                raise DataError(f"{picture} is no picture of that gallery; score the videos again.")
            pictures.append((picture, caption))
    number = shared_conditioning_frames(records)
    headline = tuple(record["headline"])
    shared = {name: record[name] for name in _FACTS if name in record}
    if len(bundles) > 1:
        pins = kinds if record["has_baselines"] else None
        facts = {**shared, "results": [str(folder) for folder in bundles]}
        record = write_bundle(
            out,
            rows,
            seed,
            facts,
            headline,
            pins,
            record["is_paired"],
            program="benchmarks",
            num_conditioning_frames=number,
        )
    summary = Summary(**{name: record[name] for name in Summary.model_fields})
    shown = {name: value for name, value in record.items() if name not in Summary.model_fields and name != "columns"}
    write_page(out / PAGE_NAME, summary, rows, shown, pictures, curves=curves, columns=record.get("columns"))
    write_text(out / MARKDOWN_NAME, markdown(summary))
    return record


_FACTS = ("suite", "size", "shape", "recipe", "salt_sha256", "fingerprint", "scoring", "columns")


_CURVES = TypeAdapter(dict[str, dict[str, Curve]])
_CAPTIONS = TypeAdapter(dict[str, str])


def _read_json(path: Path, form: Any) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return form.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        line = " ".join(str(error).split())[:200]
        raise DataError(f"{path} is damaged ({line}); score the videos again.") from error


def markdown(summary: Summary) -> str:
    """Return the score table and the differences as Markdown."""
    names = [metric.replace("_", " ") for metric in summary.headline]
    has_skill = any(system.skill is not None for system in summary.systems)
    names += ["skill"] if has_skill else []
    lines = [f"| system | kind | {' | '.join(names)} | scenes | seeds | not whole |", "|---" * (len(names) + 5) + "|"]
    for system in summary.systems:
        cells = [show_estimate(system.metrics[metric]) for metric in summary.headline]
        if has_skill:
            cells.append("–" if system.skill is None else show_estimate(system.skill))
        facts = f"{system.scenes} | {system.seeds} | {system.broken or 0}"
        lines.append(f"| {system.name} | {system.kind} | {' | '.join(cells)} | {facts} |")
    lines += ["", verdict(summary)] if verdict(summary) else []
    if summary.comparisons:
        lines += ["", "| metric | difference | mean | 95 % | p (Holm) |", "|---|---|---|---|---|"]
        for c in summary.comparisons:
            interval = "–" if c.low is None or c.high is None else f"{c.low:+.3f} to {c.high:+.3f}"
            name = c.metric.replace("_", " ")
            lines.append(f"| {name} | {c.first} − {c.second} | {c.mean:+.3f} | {interval} | {c.p_adjusted:.4f} |")
    return "\n".join(lines) + "\n"
