"""``python -m worldsim sample``."""

import itertools
import math
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from physics_data.core.program import messages, progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from worldsim.videos import Sampler

    Enlarger = Callable[["np.ndarray"], "np.ndarray"]

DEFAULT_MODEL = Path("builtin:world")
DEFAULT_UPSAMPLER = Path("builtin:upsampler")
_LONGEST_NAME = 120
"""Bytes of a file name made from a prompt; file systems hold 255, and temporary names are longer."""


def sample(
    out: Annotated[
        Path, typer.Option(help="Video file to write; with --reference, --suite or several --prompt a folder.")
    ],
    prompt: Annotated[list[str] | None, typer.Option(help="Text prompt; may be repeated.")] = None,
    first_frames: Annotated[Path | None, typer.Option(help="Video to continue from its first frames.")] = None,
    last_frame: Annotated[Path | None, typer.Option(help="Image of the last frame.")] = None,
    frames: Annotated[
        str | None,
        typer.Option(
            help="Images at any frames, counted from 0: 0=start.png,16=middle.png. For a model trained with "
            "loss.random_position_probability or loss.diffusion_forcing_probability. An image in between is held for "
            "its latent frame."
        ),
    ] = None,
    scalar: Annotated[
        list[str] | None,
        typer.Option(
            help="Conditioning scalar NAME=VALUE of a model with model.scalars, e.g. gravity=3.7 (m/s²); separate "
            "several values by commas. May be repeated; omitted scalars are unknown, not zero."
        ),
    ] = None,
    scene: Annotated[
        Path | None,
        typer.Option(help="Scene file (YAML, JSON) to condition on, for a model with model.scene_slots."),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Simulate the --scene and condition on its bodies in all frames.")
    ] = False,
    reference: Annotated[Path | None, typer.Option(help="Dataset whose clips to continue, one video per clip.")] = None,
    suite: Annotated[
        Path | None,
        typer.Option(help="Suite folder written by 'benchmarks export'; writes OUT/seedN/KEY.mp4 for each scene."),
    ] = None,
    num_seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Number of videos per scene; default: that of the --suite."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the --reference dataset.")] = "test",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of clips of the --reference dataset.")
    ] = None,
    num_conditioning_frames: Annotated[
        int | None,
        typer.Option(min=0, help="Number of conditioning frames, 4 k + 1; default 5 with a video or dataset."),
    ] = None,
    model: Annotated[
        Path, typer.Option(help="Run or model folder, diffusers folder, or built-in model (builtin:NAME).")
    ] = DEFAULT_MODEL,
    hub: Annotated[
        bool, typer.Option("--hub", help="Load --model OWNER/NAME from the Hugging Face hub (cached).")
    ] = False,
    adapter: Annotated[
        Path | None, typer.Option(help="LoRA adapter written by a run with `lora`, applied to the model.")
    ] = None,
    num_frames: Annotated[int | None, typer.Option(min=1, help="Number of frames to generate, 4 k + 1.")] = None,
    height: Annotated[int | None, typer.Option(min=1, help="Pixels.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Pixels.")] = None,
    size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT of the video: the model's size, doubled by the --upsampler.")
    ] = None,
    upsampler: Annotated[
        Path, typer.Option(help="Run or model folder of an upsampler, for --size.")
    ] = DEFAULT_UPSAMPLER,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise.")] = 0,
    best_of: Annotated[
        int, typer.Option(min=1, help="Sample N videos per prompt, with seeds from --seed up, and keep the best.")
    ] = 1,
    reward: Annotated[
        str,
        typer.Option(
            help="Score for --best-of: audit (object permanence and realism), a folder written by `votes --fit`, "
            "or package.module:function of (frames, frame rate, number of conditioning frames)."
        ),
    ] = "audit",
    num_steps: Annotated[
        int | None, typer.Option(min=1, help="Solver steps; default 20, or that of a public model's pipeline.")
    ] = None,
    solver: Annotated[str, typer.Option(help="euler, heun or dpm++.")] = "euler",
    shift: Annotated[float, typer.Option(help="Timestep shift; above 1: more solver steps at high noise.")] = 1.0,
    guidance_scale: Annotated[
        float | None,
        typer.Option(help="Classifier-free guidance scale, 1 = off; default 2.5, or the public pipeline's."),
    ] = None,
    guidance_interval: Annotated[
        tuple[float, float], typer.Option(help="Range of noise levels with guidance, within 0 and 1.")
    ] = (0.0, 1.0),
    stream: Annotated[
        bool, typer.Option("--stream", help="Generate frame by frame, any number of frames; needs a causal model.")
    ] = False,
    window: Annotated[
        int | None, typer.Option(min=1, help="Number of latent frames in the KV cache of --stream; bounds its memory.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Videos per batch with --reference or --suite.")] = 8,
) -> None:
    """Generate videos from prompts, conditioning frames, or the clips of a dataset.

    Conditioning frames can be at the start (--first-frames), at the end (--last-frame) or anywhere (--frames), with or
    without a prompt. --guidance-scale applies to the prompt.

    Examples: `python -m worldsim sample --prompt "a red ball falls" --out ball.mp4`,
    `python -m worldsim sample --frames 0=a.png --last-frame b.png --prompt "a red ball rolls" --out between.mp4`,
    `python -m worldsim sample --model runs/dit --prompt "a red ball falls" --scalar gravity=1.6 --out moon.mp4`,
    `python -m worldsim sample --reference runs/demo/physics --limit 16 --out videos --num-conditioning-frames 5`,
    `python -m worldsim sample --prompt "a red ball bounces" --best-of 8 --out best.mp4`,
    `python -m worldsim sample --suite runs/permanence --out my_model`
    """
    prompts = prompt or []
    pictures, scalars = parse_frames(frames), parse_scalars(scalar or [])
    told = bool(prompts or first_frames is not None or last_frame is not None or pictures or scene is not None)
    many = suite is not None or reference is not None
    if not many and not told:
        raise typer.BadParameter(
            "give --prompt, --scene, --first-frames, --last-frame, --frames, --reference or --suite."
        )
    if many and (told or stream):
        raise typer.BadParameter(
            "--reference and --suite take prompts and first frames from their clips; leave the others out."
        )
    if reference is not None and suite is not None:
        raise typer.BadParameter("--reference and --suite are two sources of scenes; give one.")
    if num_seeds is not None and suite is None:
        raise typer.BadParameter("--num-seeds needs --suite.")
    if stream and (last_frame is not None or pictures):
        raise typer.BadParameter("--stream makes frame after frame and cannot look ahead; leave --stream out.")
    if best_of > 1 and (many or stream):
        raise typer.BadParameter("--best-of is for single videos; leave --reference, --suite and --stream out.")
    if simulate and scene is None:
        raise typer.BadParameter("--simulate needs --scene.")
    if size is not None and (many or stream):
        raise typer.BadParameter("--size is for single videos; leave --reference, --suite and --stream out.")
    if num_conditioning_frames and not many and first_frames is None:
        raise typer.BadParameter("--num-conditioning-frames needs --first-frames, --reference or --suite.")
    if hub:
        from worldsim.generator import fetch_from_hub

        model = fetch_from_hub(str(model))
    from physics_data.core.video import VIDEO_SUFFIXES

    one_file = not many and len(prompts) < 2
    if one_file and out.suffix.lower() not in VIDEO_SUFFIXES:
        raise typer.BadParameter(f"--out {out} needs a video suffix: {', '.join(sorted(VIDEO_SUFFIXES))}.")
    if not one_file and out.suffix.lower() in VIDEO_SUFFIXES:
        raise typer.BadParameter(f"--out {out} is one file, but several videos are made; give a folder.")
    from physics_data.core.atomic import folder_lock, require_writable
    from physics_data.core.config import validate_config
    from worldsim.generator import sampling_defaults
    from worldsim.prompt.understanding import understand
    from worldsim.videos import SampleConfig, Sampler

    require_writable(out)
    given = 5 if num_conditioning_frames is None else num_conditioning_frames
    own_steps, own_guidance = sampling_defaults(model)
    sampling = {
        "num_steps": own_steps if num_steps is None else num_steps,
        "solver": solver,
        "shift": shift,
        "guidance_scale": own_guidance if guidance_scale is None else guidance_scale,
        "guidance_interval": guidance_interval,
    }
    sizes = {"num_frames": num_frames, "height": height, "width": width}
    settings = {**sizes, "seed": seed, "sampling": sampling, "scalars": scalars}
    settings |= {"scene": scene, "simulated": simulate}
    config = validate_config(SampleConfig, settings, source="the command line")
    sampler = Sampler.load(model, config, adapter)
    messages.print(f"model: {model}" + ("" if adapter is None else f" with adapter {adapter}"), markup=False)
    enlarged = None if size is None else _enlarger(sampler, size, upsampler)
    understood = [understand(one, sampler.model.tokenizer) for one in prompts]
    for line in dict.fromkeys(remark for one in understood for remark in one.remarks):
        messages.print(line, markup=False, highlight=False)
    told_prompts = [one.text for one in understood]
    if suite is not None:
        with folder_lock(out):
            _continue_suite(sampler, suite, out, given, num_seeds, batch_size)
    elif reference is not None:
        with folder_lock(out):
            _continue_all(sampler, reference, split, limit, out, given, batch_size)
    elif stream:
        if not one_file:
            raise typer.BadParameter("--stream makes one video; give one --prompt.")
        _stream(sampler, told_prompts[0] if told_prompts else "", first_frames, given, out, window)
    else:
        files = [out] if one_file else [out / f"{name}.mp4" for name in file_names(prompts)]
        _make(
            sampler,
            told_prompts or [""],
            first_frames,
            given,
            _read_pictures(sampler, pictures, last_frame),
            files,
            enlarged,
            best_of,
            reward,
        )


def file_names(prompts: list[str]) -> list[str]:
    """Return a file name for each prompt, no two alike: its words in any script, joined by underscores.

    Long names are cut; a prompt without a word is called "prompt"; names that would be equal get a number.
    """
    names: list[str] = []
    for prompt in prompts:
        words = "_".join(re.findall(r"\w+", unicodedata.normalize("NFC", prompt).lower())) or "prompt"
        stem = words.encode()[:_LONGEST_NAME].decode(errors="ignore")
        tries = (stem if number == 1 else f"{stem}_{number}" for number in itertools.count(1))
        names.append(next(name for name in tries if name not in names))
    return names


def _say_unknown(sampler: "Sampler", captions: list[str]) -> None:
    """Say which words of many captions the model leaves out."""
    from worldsim.prompt import WordTokenizer

    tokenizer = sampler.model.tokenizer
    if not isinstance(tokenizer, WordTokenizer):
        return
    unknown = tokenizer.unknown(captions)
    if unknown:
        count = sum(bool(tokenizer.unknown([caption])) for caption in captions)
        shown = ", ".join(unknown[:8]) + (", ..." if len(unknown) > 8 else "")
        messages.print(
            f"{count} of {len(captions)} prompts have words that the model was not trained on, which are left out: "
            f"{shown}",
            markup=False,
            highlight=False,
        )


def parse_frames(given: str | None) -> dict[int, Path]:
    """Return frame number → picture file of ``0=a.png,16=b.png``.

    Raises:
        typer.BadParameter: it is written in another way, or names a frame twice.
    """
    found: dict[int, Path] = {}
    for part in [] if given is None else given.split(","):
        frame, _, file = part.strip().partition("=")
        if not frame.isdecimal() or not file:
            raise typer.BadParameter(f"--frames {given}: '{part}' is no FRAME=PICTURE; write e.g. 0=a.png,16=b.png.")
        if int(frame) in found:
            raise typer.BadParameter(f"--frames {given} names frame {int(frame)} twice; give one picture for it.")
        found[int(frame)] = Path(file)
    return found


def parse_scalars(given: list[str]) -> dict[str, tuple[float, ...]]:
    """Return name → values of ``gravity=3.7`` and the like.

    Raises:
        typer.BadParameter: it is written in another way, or names a number twice.
    """
    found: dict[str, tuple[float, ...]] = {}
    for one in given:
        name, _, values = one.partition("=")
        try:
            numbers = tuple(float(value) for value in values.split(","))
        except ValueError:
            numbers = ()
        if not name or not numbers or not all(math.isfinite(value) for value in numbers):
            raise typer.BadParameter(f"--scalar {one} is not NAME=VALUE; write e.g. --scalar gravity=3.7.")
        if name in found:
            raise typer.BadParameter(f"--scalar {name} is given twice; join several values by commas.")
        found[name] = numbers
    return found


def _read_pictures(sampler: "Sampler", pictures: dict[int, Path], last_frame: Path | None) -> dict[int, "np.ndarray"]:
    """Read given pictures at the size of the videos, and say which of them have to rest for a while."""
    from worldsim.sampling import standing_still
    from worldsim.videos import read_picture

    num_frames, height, width = sampler.geometry
    files = dict(pictures)
    if last_frame is not None:
        if num_frames - 1 in files:
            raise typer.BadParameter(f"--last-frame and --frames {num_frames - 1}=... are the same frame; give one.")
        files[num_frames - 1] = last_frame
    for group in standing_still(files, sampler.temporal_factor).values():
        given = ", ".join(str(frame) for frame in group if frame in files)
        messages.print(f"frames {group[0]} to {group[-1]} are one latent frame: the given {given} rests there.")
    for file in files.values():
        _say_crop(file, height, width)
    return {frame: read_picture(file, height, width) for frame, file in files.items()}


def _say_crop(path: Path, height: int, width: int) -> None:
    """Say that a picture or video of another size is scaled, and how much of one of another shape is cut off."""
    from physics_data.core.video import iterate_frames

    given_height, given_width = next(iter(iterate_frames(path))).rgb.shape[:2]
    kept = min(given_height * width, given_width * height) / max(given_height * width, given_width * height)
    if kept == 1 and (given_height, given_width) != (height, width):
        messages.print(
            f"{path} is {given_width}x{given_height}: scaled to {width}x{height}.", markup=False, highlight=False
        )
    if kept < 1:
        messages.print(
            f"{path} is {given_width}x{given_height}: scaled to {width}x{height}, its middle {kept:.0%} are kept and "
            "the rest is cut off. Crop it yourself, or give --width and --height of its shape.",
            markup=False,
            highlight=False,
        )


def _enlarger(sampler: "Sampler", size: str, upsampler: Path) -> "Enlarger":
    """Return what makes a video of the asked size."""
    import numpy as np

    from worldsim.data.collate import to_rgb, to_tensor
    from worldsim.model.upsampler import doublings, enlarge
    from worldsim.weights import load_upsampler, model_folder

    sides = size.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise typer.BadParameter(f"--size {size} is no WIDTHxHEIGHT; write e.g. --size 256x256.")
    _, height, width = sampler.geometry
    times = doublings((int(sides[0]), int(sides[1])), (width, height))
    network = load_upsampler(model_folder(upsampler)).to(sampler.device)

    def make_larger(video: "np.ndarray") -> "np.ndarray":
        small = to_tensor(video[None])[0].to(sampler.device)
        pieces = [to_rgb(piece[None].cpu())[0] for piece in enlarge(network, iter(small.split(4, dim=1)), times)]
        return np.concatenate(pieces)

    return make_larger


def _make(
    sampler: "Sampler",
    prompts: list[str],
    first_frames: Path | None,
    num_conditioning_frames: int,
    pictures: dict[int, "np.ndarray"],
    files: list[Path],
    enlarged: "Enlarger | None",
    num_candidates: int,
    reward: str,
) -> None:
    from physics_data.core.video import write_video
    from worldsim.rewards.best_of import best_of, named_judge
    from worldsim.videos import read_first_frames

    _, height, width = sampler.geometry
    frames = None
    if first_frames is not None and num_conditioning_frames:
        _say_crop(first_frames, height, width)
        frames = read_first_frames(first_frames, num_conditioning_frames, height, width, sampler.frame_rate)[None]
    first = sampler.config.seed
    judge = named_judge(reward) if num_candidates > 1 else None
    for prompt, file in zip(prompts, files, strict=True):

        def draw(seed: int, prompt: str = prompt) -> "np.ndarray":
            return sampler.draw([prompt], [seed], [sampler.config.domain], frames, pictures)[0]

        if judge is None:
            video = draw(first)
        else:
            given = 0 if frames is None else frames.shape[1]
            seeds = range(first, first + num_candidates)
            with progress_bar() as progress:
                counted = progress.track(seeds, description="candidates")
                chosen = best_of(draw, counted, judge, sampler.frame_rate, given)
            video = chosen.rgb
            listed = ", ".join(f"{seed}: {value:.2f}" for seed, value in chosen.values.items())
            messages.print(f"seed {chosen.seed} is kept; {reward} by seed: {listed}", markup=False, highlight=False)
        if enlarged is not None:
            video = enlarged(video)
        height, width = video.shape[1:3]
        write_video(file, video, sampler.frame_rate, "yuv420p")
        typer.echo(f"{file}: {len(video)} frames of {width}x{height} at {sampler.frame_rate:g} Hz")


def _stream(
    sampler: "Sampler",
    prompt: str,
    first_frames: Path | None,
    num_conditioning_frames: int,
    out: Path,
    window: int | None,
) -> None:
    from physics_data.core.video import write_frames
    from worldsim.videos import read_first_frames

    num_frames, height, width = sampler.geometry
    start = None
    if first_frames is not None and num_conditioning_frames:
        _say_crop(first_frames, height, width)
        start = read_first_frames(first_frames, num_conditioning_frames, height, width, sampler.frame_rate)
    with progress_bar() as progress:
        frames = sampler.stream(prompt, sampler.config.seed, start, window=window)
        counted = progress.track(frames, total=num_frames, description="frames")
        write_frames(out, counted, sampler.frame_rate, "yuv420p")
    typer.echo(f"{out}: {num_frames} frames of {width}x{height} at {sampler.frame_rate:g} Hz")


def _continue_all(
    sampler: "Sampler",
    reference: Path,
    split: str,
    limit: int | None,
    out: Path,
    num_conditioning_frames: int,
    batch_size: int,
) -> None:
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from worldsim.videos import continue_dataset

    dataset = ShardDataset(reference)
    positions = dataset.select(split=split)[:limit]
    if not positions:
        raise DataError(f"{reference} has no clip in split '{split}'.")
    _say_unknown(sampler, [dataset.rows[position].caption for position in positions])
    with progress_bar() as progress:
        bar = progress.add_task("sample", total=len(positions), note="")
        made = continue_dataset(
            sampler,
            dataset,
            positions,
            out,
            num_conditioning_frames=num_conditioning_frames,
            batch_size=batch_size,
            on_video=lambda: progress.advance(bar),
        )
    if made < len(positions):
        messages.print(f"{len(positions) - made} of the videos were there before and are kept.")
    typer.echo(f"{out}: {len(positions)} videos")


def _continue_suite(
    sampler: "Sampler", folder: Path, out: Path, num_conditioning_frames: int, num_seeds: int | None, batch_size: int
) -> None:
    from worldsim.suite import continue_suite, read_suite, shortened

    suite = read_suite(folder)
    seeds = len(suite.seeds) if num_seeds is None else num_seeds
    total = len(suite.scenes) * seeds
    short = shortened(sampler, suite)
    if short:
        messages.print(
            f"{len(short)} of {len(suite.scenes)} prompts are longer than the model reads; it is told their first "
            f"words ({out / 'provenance.yaml'} lists them)."
        )
    _say_unknown(sampler, [scene.prompt for scene in suite.scenes])
    with progress_bar() as progress:
        bar = progress.add_task("sample", total=total, note="")
        made = continue_suite(
            sampler,
            suite,
            out,
            num_conditioning_frames=num_conditioning_frames,
            num_seeds=seeds,
            batch_size=batch_size,
            on_video=lambda: progress.advance(bar),
        )
    if made < total:
        messages.print(f"{total - made} of the videos were there before and are kept.")
    typer.echo(f"{out}: {len(suite.scenes)} scenes in {seeds} seeds each")
