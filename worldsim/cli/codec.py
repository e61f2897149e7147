"""``python -m worldsim encode``, ``decode`` and ``reconstruct``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from physics_data.core.program import messages, progress_bar

if TYPE_CHECKING:
    from worldsim.codec.files import Codec, VideoFacts
    from worldsim.codec.reconstruct import Fidelity

VAE_HELP = "Run or model folder of a VAE."
TILE_HELP = "Side of the tiles, px; 0 disables tiling; default: chosen from the frame size."

Vae = Annotated[Path, typer.Option("--vae", help=VAE_HELP)]
TileSide = Annotated[int | None, typer.Option("--tile", min=0, help=TILE_HELP)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def encode(
    video: Annotated[Path, typer.Argument(help="Any video file.")],
    out: Annotated[Path, typer.Option(help="Latent file to write, .safetensors.")],
    vae: Vae,
    tile: TileSide = None,
    as_json: AsJson = False,
) -> None:
    """Encode a video of any size and length into latents, in constant memory.

    Sizes that do not fit the VAE are padded (with a message); `decode` removes the padding.

    Example: `python -m worldsim encode my.mp4 --out my.safetensors --vae runs/demo/vae`
    """
    if out.suffix != ".safetensors":
        raise typer.BadParameter(f"--out {out} needs the suffix .safetensors.")
    from worldsim.codec.files import Codec, VideoFacts, encode_file

    codec, facts = Codec.load(vae), VideoFacts.of(video)
    side = _plan(codec, facts, tile)
    with progress_bar() as progress:
        bar = progress.add_task("encode", total=-(-(facts.num_frames - 1) // codec.vae.temporal_factor) + 1, note="")
        shape = encode_file(codec, video, out, side, facts, lambda count: progress.advance(bar, count))
    numbers = 3 * facts.num_frames * facts.height * facts.width
    ratio = numbers / (shape[0] * shape[1] * shape[2] * shape[3])
    if as_json:
        typer.echo(json.dumps({"file": str(out), "shape": shape, "ratio": ratio, **vars(facts)}))
        return
    what = f"{shape[0]} latent frames of {shape[1]} x {shape[2]} x {shape[3]}"
    typer.echo(f"{out}: {what} for {facts.num_frames} frames of {facts.width}x{facts.height}, {ratio:.0f} times fewer")


def decode(
    latents: Annotated[Path, typer.Argument(help="Latent file written by `encode`.")],
    out: Annotated[Path, typer.Option(help="Video file to write.")],
    vae: Vae,
    tile: TileSide = None,
) -> None:
    """Decode latents into a video with the VAE that encoded them, frame by frame to disk.

    Example: `python -m worldsim decode my.safetensors --out again.mp4 --vae runs/demo/vae`
    """
    _require_video(out)
    from worldsim.codec.files import Codec, VideoFacts, decode_file
    from worldsim.codec.latent_file import read_latents

    codec = Codec.load(vae)
    header, shape = read_latents(latents)
    facts = VideoFacts(header.num_frames, header.height, header.width, header.frame_rate)
    side = _plan(codec, facts, tile)
    with progress_bar() as progress:
        bar = progress.add_task("decode", total=shape[0], note="")
        decode_file(codec, latents, out, side, lambda count: progress.advance(bar, count))
    typer.echo(f"{out}: {facts.num_frames} frames of {facts.width}x{facts.height} at {facts.frame_rate:g} Hz")


def reconstruct(
    source: Annotated[Path, typer.Argument(help="A video file, or a dataset folder, whose clips also have objects.")],
    out: Annotated[Path, typer.Option(help="Video file to write: original left, reconstruction right.")],
    vae: Vae,
    key: Annotated[str | None, typer.Option(help="Clip of the dataset; default: the first of the test split.")] = None,
    num_frames: Annotated[
        int | None, typer.Option(min=1, help="Number of frames to read from a video file; default: all.")
    ] = None,
    tile: TileSide = None,
    as_json: AsJson = False,
) -> None:
    """Reconstruct a video with the VAE; write both side by side and print PSNR, SSIM and per-object errors.

    Example: `python -m worldsim reconstruct runs/demo/physics --out side.mp4 --vae runs/demo/vae`
    """
    _require_video(out)
    if source.is_dir() and num_frames is not None:
        raise typer.BadParameter("--num-frames cuts a video file; a clip of a dataset folder is taken whole.")
    if not source.is_dir() and key is not None:
        raise typer.BadParameter("--key names a clip of a dataset folder; a video file has none.")
    from worldsim.codec.files import Codec

    codec = Codec.load(vae)
    found = _of_clip(codec, source, key, out) if source.is_dir() else _of_video(codec, source, num_frames, out, tile)
    if as_json:
        objects = [vars(one) for one in found.objects]
        typer.echo(json.dumps({"file": str(out), **vars(found), "objects": objects}))
        return
    typer.echo(f"{out}: {found.num_frames} frames, PSNR {found.psnr:.2f} dB, SSIM {found.ssim:.4f}")
    for one in found.objects:
        place = "place not measurable" if one.displacement is None else f"moved by {one.displacement:.3f} px"
        lost = f", lost in {one.lost_frames} of {one.num_frames} frames" if one.lost_frames else ""
        typer.echo(f"  {one.name}: {one.pixels:.0f} px, PSNR {one.psnr:.2f} dB, {place}{lost}")


def _of_video(codec: "Codec", source: Path, num_frames: int | None, out: Path, tile: int | None) -> "Fidelity":
    from worldsim.codec.files import VideoFacts
    from worldsim.codec.reconstruct import reconstruct_video

    facts = VideoFacts.of(source, num_frames)
    side = _plan(codec, facts, tile)
    with progress_bar() as progress:
        bar = progress.add_task("reconstruct", total=facts.num_frames, note="")
        return reconstruct_video(codec, source, out, side, facts, lambda count: progress.advance(bar, count))


def _of_clip(codec: "Codec", source: Path, key: str | None, out: Path) -> "Fidelity":
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from worldsim.codec.reconstruct import reconstruct_clip

    dataset = ShardDataset(source)
    positions = [dataset.find(key)] if key is not None else dataset.select(split="test")[:1]
    if not positions:
        raise DataError(f"{source} has no clip in split 'test'; name one with --key.")
    clip = dataset.load(positions[0])
    messages.print(f"clip '{clip.meta.key}': {clip.meta.caption}", markup=False)
    return reconstruct_clip(codec, clip, out)[0]


def _plan(codec: "Codec", facts: "VideoFacts", tile: int | None) -> int | None:
    """Return the tile to use; says on stderr what is padded and how much memory it takes at most."""
    from worldsim.codec.files import grid_of

    grid = grid_of(codec, facts)
    if grid.remark is not None:
        messages.print(grid.remark, markup=False)
    _, height, width = grid.padded
    side = codec.tile_for(height, width) if tile is None else tile or None
    bound = codec.memory_for(height, width, side)
    how = "no tiling" if side is None else f"tiles of {side} px"
    messages.print(f"{how}: at most {bound / 2**20:.0f} MiB besides the weights, for any video length", markup=False)
    return side


def _require_video(out: Path) -> None:
    from physics_data.core.video import VIDEO_SUFFIXES

    if out.suffix.lower() not in VIDEO_SUFFIXES:
        raise typer.BadParameter(f"--out {out} needs a video suffix: {', '.join(sorted(VIDEO_SUFFIXES))}.")
