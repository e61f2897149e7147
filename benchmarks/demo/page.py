"""Page of the demo: generated clips beside the truth, scores, curves and times, all pictures embedded."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import yaml
from jaxtyping import UInt8
from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image

from benchmarks.demo.runner import StepRecord
from benchmarks.demo.steps import MODEL, NUM_GIVEN, PROMPTS, DemoFolders
from eval.report.bundle import SUMMARY_NAME
from eval.report.page import show_estimate
from eval.report.table import HEADLINE, Summary
from physics_data.core.atomic import atomic_path, write_text
from physics_data.core.dataset import ShardDataset
from physics_data.core.display import contact_sheet
from physics_data.core.provenance import git_commit, hardware, package_versions
from physics_data.core.video import read_video
from worldsim.cli.sample import file_names
from worldsim.training.logger import read_metrics

matplotlib.use("svg")


_SHOWN_HEIGHT = 160


def moving_picture(rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> str:
    """Return a video as a looping WebP data URI, enlarged without smoothing, with a pause at the end.

    Units:
        rgb:         sRGB
        frame_rate:  Hz
    """
    factor = max(1, _SHOWN_HEIGHT // rgb.shape[1])
    frames = [Image.fromarray(np.kron(frame, np.ones((factor, factor, 1), np.uint8))) for frame in rgb]
    durations = [round(1000 / frame_rate)] * (len(frames) - 1) + [700]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, lossless=True, method=0
    )
    return _data_uri("webp", buffer.getvalue())


def still_picture(path: Path) -> str:
    """Return a PNG file as a data URI."""
    return _data_uri("png", path.read_bytes())


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()


def curves(lines: Sequence[dict[str, float]], names: Sequence[str], title: str) -> str:
    """Return curves over training steps as an inline SVG; names that no line has are left out."""
    present = [name for name in names if any(name in line for line in lines)]
    figure, axes = plt.subplots(1, max(1, len(present)), figsize=(3.4 * max(1, len(present)), 2.3), squeeze=False)
    for axis, name in zip(axes[0], present, strict=False):
        points = [(line["step"], line[name]) for line in lines if name in line]
        values = np.array([value for _, value in points])
        axis.plot([step for step, _ in points], values, color="#2b6ea3", linewidth=1.3)
        if (values > 0).all() and values.max() > 20 * values.min():
            axis.set_yscale("log")
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("training step", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    plt.close(figure)
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]


SHOWN_PER_SCENARIO = 2
CURVES = ("loss", "charbonnier", "kl", "gradient_norm")
SYSTEM_MEANING = {
    "reference": "the truth itself, before it is a video file",
    "simulator": "the simulator's own videos: the ceiling",
    MODEL: f"the demo model, given the first {NUM_GIVEN} frames",
    "frozen_first_frame": "control: nothing ever moves",
    "given_then_frozen": "control: the given frames, then nothing moves",
    "object_removed": "control: the object vanishes half way",
    "reversed": "control: the truth backwards",
    "constant_velocity": "control: every object keeps its first velocity",
}


def write_page(folders: DemoFolders, records: list[StepRecord], footage: Path | None) -> Path:
    """Write ``report/index.html``, self-contained, and the contact sheets as PNG beside it.

    Raises:
        DataError, VideoError: an output of the steps cannot be read.
    """
    prompted = _prompted(folders)
    continued = _continued(folders)
    scored = json.loads((folders.scores / SUMMARY_NAME).read_text(encoding="utf-8"))
    summary = Summary(**{name: scored[name] for name in Summary.model_fields})
    environment = Environment(loader=PackageLoader("benchmarks.demo"), autoescape=select_autoescape(default=True))
    environment.filters["estimate"] = show_estimate
    html = environment.get_template("page.html.j2").render(
        prompted=prompted,
        continued=continued,
        prompted_sheet=still_picture(folders.report / "prompted.png"),
        continued_sheet=still_picture(folders.report / "continued.png"),
        systems=summary.systems,
        meaning=SYSTEM_MEANING,
        model=MODEL,
        headline=HEADLINE,
        num_conditioning_frames=NUM_GIVEN,
        curves=[_run_curves(folders.vae, "video VAE"), _run_curves(folders.dit, "diffusion transformer")],
        reconstruction=_newest_picture(folders.vae),
        records=records,
        total_seconds=sum(record.seconds for record in records),
        peak_memory=max(record.peak_memory for record in records),
        data=_data_facts(folders, footage),
        hardware=hardware(),
        commit=git_commit(),
        versions=package_versions(),
    )
    page = folders.report / "index.html"
    write_text(page, html)
    return page


def _prompted(folders: DemoFolders) -> list[dict[str, str]]:
    names = zip(PROMPTS, file_names(list(PROMPTS)), strict=True)
    videos = {prompt: read_video(folders.prompted / f"{name}.mp4") for prompt, name in names}
    _save_sheet(folders.report / "prompted.png", [video.rgb for video in videos.values()], list(videos))
    return [
        {"prompt": prompt, "picture": moving_picture(video.rgb, video.frame_rate)} for prompt, video in videos.items()
    ]


def _continued(folders: DemoFolders) -> list[dict[str, str]]:
    dataset = ShardDataset(folders.physics)
    scenarios = sorted({str(row.scenario) for row in dataset.rows})
    shown: list[dict[str, str]] = []
    rows, captions = [], []
    for scenario in scenarios:
        for position in dataset.select(split="test", scenario=scenario)[:SHOWN_PER_SCENARIO]:
            clip = dataset.load(position)
            made = read_video(folders.systems / MODEL / f"{clip.meta.key}.mp4")
            shown.append(
                {
                    "caption": clip.meta.caption,
                    "truth": moving_picture(clip.rgb, clip.meta.frame_rate),
                    "made": moving_picture(made.rgb, made.frame_rate),
                }
            )
            rows += [clip.rgb, made.rgb]
            captions += [f"simulated: {clip.meta.caption}", f"generated from its first {NUM_GIVEN} frames"]
    _save_sheet(folders.report / "continued.png", rows, captions)
    return shown


def _save_sheet(path: Path, videos: list[Any], captions: list[str]) -> None:
    with atomic_path(path) as partial:
        Image.fromarray(contact_sheet(videos, captions, columns=9, cell_height=96)).save(partial)


def _run_curves(run: Path, title: str) -> str:
    return curves(read_metrics(run), CURVES, title)


def _newest_picture(run: Path) -> str | None:
    pictures = sorted((run / "pictures").glob("*.png"), key=lambda path: path.stem.rpartition("-")[2])
    return still_picture(pictures[-1]) if pictures else None


def _data_facts(folders: DemoFolders, footage: Path | None) -> dict[str, Any]:
    physics = ShardDataset(folders.physics)
    row = physics.rows[0]
    facts: dict[str, Any] = {
        "clips": len(physics.select(split="train")),
        "test_clips": len(physics.select(split="test")),
        "frames": row.num_frames,
        "height": row.height,
        "width": row.width,
        "frame_rate": row.frame_rate,
        "scenarios": sorted({str(r.scenario) for r in physics.rows}),
        "settings": yaml.safe_load((folders.physics / "dataset.yaml").read_text(encoding="utf-8"))["config"][
            "settings"
        ],
    }
    if footage is not None:
        facts["footage_clips"] = len(ShardDataset(folders.footage).select(split="train"))
    return facts
