"""All validity tests in one run: rows, a heat map, and the tables of docs/validity.md."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.rows import Row, rows_as_json
from benchmarks.validity.footage import Half, RealTrial, half_of, real_figures, real_trials
from benchmarks.validity.generated import GeneratedTrial, generated_figures, generated_trials
from benchmarks.validity.robustness import shifts
from benchmarks.validity.selectivity import keep, matrix_of, trials
from benchmarks.validity.severity import ladders, responses
from benchmarks.validity.validity_report import draw_matrix, markdown, matrix_rows, row, severity_rows, shift_rows
from eval.audit.footage import SIDE
from eval.inputs import System
from eval.scoring import score_clip
from physics_data.core.atomic import require_writable, write_text
from physics_data.core.video import write_video
from physics_data.pipeline.generate import FIRST_TEST_INDEX, ClipTask, generate_clip
from physics_data.scenarios.shared.scenario import SceneSettings

SCENARIOS = ("free_drop", "collide", "occluder_pass", "projectile")
ROLLOUTS = 100
CORES = 2


def scoring_seconds(per_scenario: int = 3) -> list[float]:
    """Return the processor seconds of each of some rollouts, from reading the file to the row of scores.

    The reference is derived once for a scene and serves all systems that are scored on it, here three.
    """
    settings = SceneSettings(layout="centred", num_frames=48, width=128, height=128)
    found = []
    with tempfile.TemporaryDirectory() as name:
        for scenario in SCENARIOS:
            clip = generate_clip(ClipTask(scenario, "mujoco", FIRST_TEST_INDEX), settings, 0, "raycast").clip
            path = Path(name) / f"{clip.meta.key}.mp4"
            write_video(path, clip.rgb, clip.meta.frame_rate)
            systems = [System(str(k), Path(name), {clip.meta.key: path}, ()) for k in range(per_scenario)]
            started = time.process_time()
            score_clip(clip, systems, num_conditioning_frames=1)
            found.append((time.process_time() - started) / per_scenario)
    return found


PARTS = ("severity", "matrix", "nuisances", "footage", "renderings", "cost")

SETTINGS = SceneSettings(layout="centred", num_frames=32, width=96, height=96)
"""Two seconds at 16 Hz, 96 x 96."""


def validity(
    parts: Sequence[str] = PARTS,
    scenes: int = 6,
    severity_scenes: int = 3,
    footage: Path | None = None,
    generated: Path | None = None,
    half: Half | None = None,
    side: int = SIDE,
    out: Path | None = None,
    violations: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Row]:
    """Measure the validity of the evaluation; return benchmark rows.

    Args:
        parts: which proofs, of ``PARTS``
        scenes: per violation of the matrix
        severity_scenes: per violation of severity and response, at each of seven severities
        footage: folder of real clips; without it that part says that it was left out
        generated: folder of generated clips that are labelled, with real ones in its subfolder ``real``
        half: of real and generated clips, by default both
        side: pixels of the longer side at which they are looked at
        out: folder for matrix.png, matrix.md, rows.json and every raw score (trials.jsonl, severities.jsonl)
        violations: editors, by default all
        progress: is told what is done next
    """
    if out is not None:
        require_writable(out)
    rows: list[Row] = []
    if "severity" in parts:
        ladder = ladders(SETTINGS, severity_scenes, violations, progress)
        rows += severity_rows(responses(keep(ladder, out and out / "severities.jsonl")))
    if "matrix" in parts:
        matrix = matrix_of(keep(trials(SETTINGS, scenes, violations, progress), out and out / "trials.jsonl"))
        rows += matrix_rows(matrix)
        if out is not None:
            draw_matrix(matrix, out / "matrix.png")
            write_text(out / "matrix.md", markdown(matrix))
    if "nuisances" in parts:
        rows += shift_rows(shifts(SETTINGS, progress=progress))
    if "footage" in parts:
        rows += _footage_rows(footage, generated, half, side, out, progress)
    if "renderings" in parts:
        rows += _rendered_rows(side, progress)
    if "cost" in parts:
        rows.append(_cost_row())
    if out is not None:
        write_text(out / "rows.json", rows_as_json(rows) + "\n")
    return rows


def _footage_rows(
    folder: Path | None,
    generated: Path | None,
    half: Half | None,
    side: int,
    out: Path | None,
    progress: Callable[[str], None] | None,
) -> list[Row]:
    rows: list[Row] = []
    real: list[RealTrial] = []
    if folder is not None and folder.is_dir():
        found = real_trials(folder, progress, half, side)
        real = list(keep(found, out and out / "real.jsonl"))
        for part, name in (("development", "development clips"), ("held_out", "held-out clips")):
            chosen = [trial for trial in real if half_of(trial.clip) == part]
            rows += _real_rows(name, chosen) if chosen else []
    else:
        reason = "left out: no folder of footage was given" if folder is None else f"left out: no folder {folder}"
        rows.append(row("real clips", None, "1", 0.05, None, reason))
    if generated is not None and generated.is_dir():
        made = list(keep(generated_trials(generated, progress, half, side), out and out / "generated.jsonl"))
        for part, name in (("development", "development clips"), ("held_out", "held-out clips")):
            chosen = [trial for trial in made if half_of(trial.clip) == part]
            lawful = [trial for trial in real if half_of(trial.clip) == part]
            rows += _generated_rows(name, chosen, lawful) if chosen else []
    return rows


def _real_rows(name: str, trials: Sequence[RealTrial]) -> list[Row]:
    figures = real_figures(trials)
    spread = (
        f"at most {figures.most:.3f}; {figures.stretches} stretches of {figures.clips} clips, "
        f"{figures.judged:.0%} judged"
    )
    alarms, covered = figures.false_alarms, figures.covered
    rows = [
        row(f"real {name}: false alarms", alarms, "1", 0.05, alarms <= 0.05, spread),
        row(f"real {name}: coverage of 0.5", covered, "1", 0.6, covered >= 0.6, f"{figures.alone} stretches"),
        row(f"real {name}: cost", figures.seconds, "CPU s/s", 1.0, figures.seconds <= 1.0),
    ]
    for edit, found in figures.edits.items():
        spread = f"[{found.low:.2f}, {found.high:.2f}], {found.pairs} edits of {found.clips} clips"
        target = 0.8 if edit == "reverse" else 0.9
        rows.append(row(f"real {name}: {edit}", found.auroc, "AUROC", target, found.auroc >= target, spread))
    return rows


def _generated_rows(name: str, trials: Sequence[GeneratedTrial], real: Sequence[RealTrial]) -> list[Row]:
    figures = generated_figures(trials, real)
    verdicts = f"{figures.judged_real} real, {figures.judged_generated} generated with a verdict"
    return [
        row(f"generated {name}: found", figures.right, "1", 0.9, figures.right >= 0.9, f"{figures.generated} clips"),
        row(f"generated {name}: real ones quiet", figures.quiet, "1", 1.0, figures.quiet >= 1, f"{figures.real} clips"),
        row(f"generated {name}: realism", figures.realism, "AUROC", 0.8, figures.realism >= 0.8, verdicts),
    ]


def _rendered_rows(side: int, progress: Callable[[str], None] | None) -> list[Row]:
    from benchmarks.validity.renderings import rendered_figures, rendered_trials  # PyBullet, which Python 3.12 lacks

    figures = rendered_figures(list(rendered_trials(side=side, progress=progress)))
    return [row(f"renderings: {kind}", value, "AUROC", 0.95, value >= 0.95) for kind, value in figures.items()]


def _cost_row() -> Row:
    seconds = scoring_seconds()
    total = sum(seconds) / len(seconds) * ROLLOUTS / CORES
    spread = f"{min(seconds):.2f} to {max(seconds):.2f} processor seconds for one"
    return row(f"{ROLLOUTS} rollouts of 48 x 128 x 128 on {CORES} cores", total, "s", 60.0, total <= 60.0, spread)
