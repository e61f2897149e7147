"""The pictures of an ablation: continuations under the truth, curves of training, differences with their intervals."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from benchmarks.ablation.ablation_config import COLUMNS, AblationConfig
from benchmarks.ablation.comparison import Compared
from benchmarks.ablation.grid import Grid, Run, held_out_positions
from physics_data.core.atomic import atomic_path
from physics_data.core.dataset import ShardDataset
from physics_data.core.display import contact_sheet
from physics_data.core.video import read_video
from worldsim.training.logger import read_metrics

matplotlib.use("agg")


_COLOURS = (*(f"C{number}" for number in range(10)), "black", "gold", "navy", "lime", "salmon", "indigo")
_EFFECTS_ACROSS = 4
_NOT_DRAWN = {"step", "seconds", "samples_per_second", "learning_rate_factor", "skipped"}


def write_strips(grid: Grid, runs: Sequence[Run], folder: Path) -> list[Path]:
    """Draw, for each held-out set, the same few scenes: the truth, then every variant's continuation of one seed.

    Scenes are spread over the set by their place in it, not by how well anything does. The frames of a variant begin
    where the given ones end.
    """
    config = grid.config
    dataset = ShardDataset(grid.data)
    seed = min(run.seed for run in runs)
    shown = [run for run in runs if run.seed == seed]
    written = []
    for name, which in config.held_out.items():
        positions = held_out_positions(dataset, which)
        scenarios = sorted({str(dataset.rows[p].scenario) for p in positions})
        by_scenario = [[p for p in positions if dataset.rows[p].scenario == one] for one in scenarios]
        turns = [group[turn] for turn in range(config.shown) for group in by_scenario if turn < len(group)]
        videos: list[UInt8[np.ndarray, "t h w 3"]] = []
        captions: list[str] = []
        for position in turns[: config.shown]:
            clip = dataset.load(position)
            videos.append(clip.rgb)
            captions.append(
                f"{clip.meta.key}: truth; frames 1 to {config.continuation.num_conditioning_frames} are given"
            )
            for run in shown:
                videos.append(read_video(run.folder / "videos" / name / f"{clip.meta.key}.mp4").rgb)
                captions.append(f"{run.variant}, seed {seed}")
        across = 2 if len(turns[: config.shown]) % 2 == 0 else 1
        sheet = contact_sheet(videos, captions, columns=videos[0].shape[0], cell_height=64, across=across)
        written.append(folder / f"strips_{name}.png")
        with atomic_path(written[-1]) as partial:
            Image.fromarray(sheet).save(partial)
    return written


def write_curves(runs: Sequence[Run], path: Path) -> None:
    """Draw every loss over training steps, one line for each variant: the mean over its seeds."""
    logs: dict[str, list[list[dict[str, float]]]] = {}
    for run in runs:
        logs.setdefault(run.variant, []).append(read_metrics(run.folder))
    lines = [line for seeds in logs.values() for log in seeds for line in log]
    names = sorted({name for line in lines for name in line} - _NOT_DRAWN)
    across = min(4, len(names))
    down = -(-len(names) // across)
    figure, axes = plt.subplots(down, across, figsize=(3.6 * across, 2.5 * down), squeeze=False)
    for axis, name in zip(axes.flat, names, strict=False):
        for place, (variant, seeds) in enumerate(logs.items()):
            points: dict[int, list[float]] = {}
            for line in (line for log in seeds for line in log if name in line):
                points.setdefault(int(line["step"]), []).append(line[name])
            if points:
                means = [np.mean(values) for values in points.values()]
                axis.plot(list(points), means, color=_colour(place), label=variant, linewidth=1.2)
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    handles = [Line2D([], [], color=_colour(place), label=variant) for place, variant in enumerate(logs)]
    figure.legend(handles=handles, loc="lower center", ncols=min(6, len(handles)), fontsize=8)
    figure.tight_layout(rect=(0, 0.05 + 0.02 / down, 1, 1))
    _save(figure, path)


def write_effects(compared: Sequence[Compared], config: AblationConfig, path: Path) -> None:
    """Draw every column's change against the reference, in scatters of its scenes' means, better to the right."""
    columns = list(
        dict.fromkeys(
            row.column for row in compared if row.column in COLUMNS and COLUMNS[row.column].direction != "either"
        )
    )
    variants = list(dict.fromkeys(row.variant for row in compared))
    names = list(config.held_out)
    across = min(len(names), _EFFECTS_ACROSS)
    down = -(-len(names) // across)
    size = (5.4 * across, (0.42 * len(columns) + 1.6) * down)
    figure, axes = plt.subplots(down, across, figsize=size, squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    for axis, on in zip(axes.flat, names, strict=False):
        for place, variant in enumerate(variants):
            rows = {row.column: row for row in compared if row.variant == variant and row.on == on}
            for height, column in enumerate(columns):
                row = rows.get(column)
                if row is None or row.low is None or row.high is None or row.reference == 0:
                    continue
                sign = 100.0 if COLUMNS[column].direction == "higher" else -100.0
                ends = sorted(sign * end / abs(row.reference) for end in (row.low, row.high))
                y = height + 0.7 * ((place + 0.5) / len(variants) - 0.5)
                color = _colour(place)
                axis.plot(ends, [y, y], color=color, linewidth=1.4, label=variant if not height else None)
                axis.plot([sign * row.difference / abs(row.reference)], [y], "o", color=color, markersize=3)
        axis.axvline(0.0, color="#444444", linewidth=0.8)
        axis.set_xlim(-110, 110)
        axis.set_yticks(
            range(len(columns)), [COLUMNS[c].title for c in columns] if axis in axes[:, 0] else [], fontsize=8
        )
        axis.set_ylim(len(columns) - 0.5, -0.5)
        axis.set_title(on.replace("_", " "), fontsize=10)
        axis.set_xlabel(f"better than {config.reference} by, % of its mean", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(axis="x", alpha=0.3)
    colors = [Line2D([], [], color=_colour(place), label=name) for place, name in enumerate(variants)]
    figure.legend(handles=colors, loc="lower center", ncols=min(8, len(variants)), fontsize=8)
    figure.tight_layout(rect=(0, 0.06 / down, 1, 1))
    _save(figure, path)


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=110)
    plt.close(figure)
