"""``python -m worldsim sample``."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from physics_data.core.program import messages, progress_bar

if TYPE_CHECKING:
    from worldsim.videos import Sampler

RUNS = Path("runs/demo")


def sample(
    out: Annotated[Path, typer.Option(help="Video file to write; with --reference or several --prompt a folder.")],
    prompt: Annotated[
        list[str] | None, typer.Option(help="What happens, in words; may be given several times.")
    ] = None,
    first_frames: Annotated[Path | None, typer.Option(help="Video whose first frames are continued.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Dataset whose clips are continued, one video each.")] = None,
    split: Annotated[str, typer.Option(help="Split of the --reference dataset.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many clips of the --reference dataset.")] = None,
    num_given: Annotated[
        int | None, typer.Option(min=0, help="Frames that are given, 4 k + 1; 5 if a video or dataset is given.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Run or model folder; the newest in runs/demo if left out.")
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option(help="Low-rank adapter that a run with `lora` wrote, put on the model.")
    ] = None,
    num_frames: Annotated[int | None, typer.Option(min=1, help="Frames to make, 4 k + 1.")] = None,
    height: Annotated[int | None, typer.Option(min=1, help="Pixels.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Pixels.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the noise.")] = 0,
    num_steps: Annotated[int, typer.Option(min=1, help="Solver steps.")] = 20,
    solver: Annotated[str, typer.Option(help="euler, heun, dpm++ or unipc.")] = "euler",
    shift: Annotated[float, typer.Option(help="Above 1: more of the solver's steps at high noise.")] = 1.0,
    schedule: Annotated[
        Path | None, typer.Option(help="Stops that `worldsim schedule` measured, in place of even ones.")
    ] = None,
    guidance_weight: Annotated[float, typer.Option(help="Weight of the prompt; 1 is no guidance.")] = 2.5,
    guidance: Annotated[str, typer.Option(help="cfg, cfg_zero or apg.")] = "cfg",
    guidance_interval: Annotated[
        tuple[float, float], typer.Option(help="Noise levels between which guidance acts, within 0 and 1.")
    ] = (0.0, 1.0),
    stream: Annotated[
        bool, typer.Option("--stream", help="Make frame after frame, any number of them; needs a causal model.")
    ] = False,
    window: Annotated[
        int | None, typer.Option(min=1, help="Latent frames a --stream remembers; memory stays flat with it.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Videos made at once with --reference.")] = 8,
) -> None:
    """Make a video from a prompt, from given first frames, or one for each clip of a dataset.

    Examples: `python -m worldsim sample --prompt "a red ball falls" --out ball.mp4`,
    `python -m worldsim sample --reference runs/demo/physics --limit 16 --out videos --num-given 5`
    """
    prompts = prompt or []
    if reference is None and not prompts and first_frames is None:
        raise typer.BadParameter("give --prompt, --first-frames or --reference.")
    if reference is not None and (prompts or first_frames is not None):
        raise typer.BadParameter("--reference takes prompts and first frames from its clips; leave the others out.")
    if num_given and reference is None and first_frames is None:
        raise typer.BadParameter("--num-given needs --first-frames or --reference.")
    from physics_data.core.video import VIDEO_SUFFIXES

    one_file = reference is None and len(prompts) < 2
    if one_file and out.suffix.lower() not in VIDEO_SUFFIXES:
        raise typer.BadParameter(f"--out {out} needs a video suffix: {', '.join(sorted(VIDEO_SUFFIXES))}.")
    if not one_file and out.suffix.lower() in VIDEO_SUFFIXES:
        raise typer.BadParameter(f"--out {out} is one file, but several videos are made; give a folder.")
    from physics_data.core.config import validate_config
    from worldsim.sampling import read_grid
    from worldsim.videos import SampleConfig, Sampler
    from worldsim.weights import find_generator

    given = 5 if num_given is None else num_given
    chosen = model or find_generator(RUNS)
    drawing = {
        "num_steps": num_steps,
        "solver": solver,
        "shift": shift,
        "grid": None if schedule is None else read_grid(schedule, num_steps),
        "guidance": {"kind": guidance, "weight": guidance_weight, "interval": guidance_interval},
    }
    sizes = {"num_frames": num_frames, "height": height, "width": width}
    config = validate_config(SampleConfig, {**sizes, "seed": seed, "drawing": drawing}, source="the command line")
    sampler = Sampler.load(chosen, config, adapter)
    if reference is not None:
        _continue_all(sampler, reference, split, limit, out, given, batch_size)
    elif stream:
        if not one_file:
            raise typer.BadParameter("--stream makes one video; give one --prompt.")
        _stream(sampler, prompts[0] if prompts else "", first_frames, given, out, window)
    else:
        files = [out] if one_file else [out / f"{file_name(words)}.mp4" for words in prompts]
        _make(sampler, prompts or [""], first_frames, given, files)


def file_name(prompt: str) -> str:
    """Return a prompt as a file name: its words, joined by underscores.

    Raises:
        typer.BadParameter: the prompt has no word.
    """
    words = re.findall(r"[a-z0-9]+", prompt.lower())
    if not words:
        raise typer.BadParameter(f"the prompt {prompt!r} has no word to name a file after; give one in words.")
    return "_".join(words)[:80]


def _make(sampler: "Sampler", prompts: list[str], first_frames: Path | None, num_given: int, files: list[Path]) -> None:
    from physics_data.core.video import write_video
    from worldsim.videos import read_first_frames

    _, height, width = sampler.geometry
    frames = None
    if first_frames is not None and num_given:
        frames = read_first_frames(first_frames, num_given, height, width, sampler.frame_rate)[None]
    for prompt, file in zip(prompts, files, strict=True):
        video = sampler.draw([prompt], [sampler.config.seed], [sampler.config.domain], frames)[0]
        write_video(file, video, sampler.frame_rate)
        typer.echo(f"{file}: {len(video)} frames of {width}x{height} at {sampler.frame_rate:g} Hz")


def _stream(
    sampler: "Sampler", prompt: str, first_frames: Path | None, num_given: int, out: Path, window: int | None
) -> None:
    from physics_data.core.video import write_frames
    from worldsim.videos import read_first_frames

    num_frames, height, width = sampler.geometry
    start = None
    if first_frames is not None and num_given:
        start = read_first_frames(first_frames, num_given, height, width, sampler.frame_rate)
    with progress_bar() as progress:
        frames = sampler.stream(prompt, sampler.config.seed, start, window=window)
        counted = progress.track(frames, total=num_frames, description="frames")
        write_frames(out, counted, sampler.frame_rate)
    typer.echo(f"{out}: {num_frames} frames of {width}x{height} at {sampler.frame_rate:g} Hz")


def _continue_all(
    sampler: "Sampler",
    reference: Path,
    split: str,
    limit: int | None,
    out: Path,
    num_given: int,
    batch_size: int,
) -> None:
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from worldsim.videos import continue_dataset

    dataset = ShardDataset(reference)
    positions = dataset.select(split=split)[:limit]
    if not positions:
        raise DataError(f"{reference} has no clip in split '{split}'.")
    with progress_bar() as progress:
        bar = progress.add_task("sample", total=len(positions), note="")
        made = continue_dataset(
            sampler,
            dataset,
            positions,
            out,
            num_given=num_given,
            batch_size=batch_size,
            on_video=lambda: progress.advance(bar),
        )
    if made < len(positions):
        messages.print(f"{len(positions) - made} of the videos were there before and are kept.")
    typer.echo(f"{out}: {len(positions)} videos")
