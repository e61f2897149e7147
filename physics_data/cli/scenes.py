"""Commands for scenes that are written by hand: ``new`` and ``simulate``."""

from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import messages


def new(
    out: Annotated[Path, typer.Argument(help="File to write, e.g. scene.yaml.")],
) -> None:
    """Write a commented example of a scene file, to be changed and given to ``simulate``.

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
    scene: Annotated[str, typer.Argument(help="A scene file (.yaml, .json), or the name of a scenario.")],
    out: Annotated[
        Path,
        typer.Option(help="Video (.mp4, .gif, ...), 3-D animation (.glb, .gltf), or a folder for all labels."),
    ],
    engine: Annotated[str | None, typer.Option(help="mujoco or bullet.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw: a scenario, or a file with ranges or choices.")] = 0,
    index: Annotated[int, typer.Option(min=0, help="Number of the draw.")] = 0,
    resolved: Annotated[Path | None, typer.Option(help="Also write the whole scene, every value stated.")] = None,
) -> None:
    """Simulate one scene and write its video, its animated 3-D scene, or its pictures with all labels.

    Says what the scene file left open and what happens. `python -m physics_data new scene.yaml` writes an example.

    Examples: `python -m physics_data simulate scene.yaml --out clip.mp4`,
    `python -m physics_data simulate collide --seed 3 --out collide.gif`,
    `python -m physics_data simulate scene.yaml --out scene.glb`
    """
    from physics_data.pipeline.export import write_frames
    from physics_data.scenes.gltf import GLTF_SUFFIXES, write_gltf
    from physics_data.scenes.scene_file import load_scene
    from physics_data.simulation import SCENE_SUFFIXES, save_scene
    from physics_data.simulation import simulate as make_clip

    if scene.lower().endswith(SCENE_SUFFIXES):
        for note in load_scene(scene, seed=seed, index=index).notes:
            messages.print(f"assumed: {note}", markup=False)
    clip = make_clip(scene, seed=seed, index=index, engine=engine)
    if resolved is not None and clip.meta.spec is not None:
        save_scene(clip.meta.spec, resolved)
    if out.suffix.lower() in GLTF_SUFFIXES:
        spec, _, trajectory = clip.labelled
        write_gltf(spec, trajectory, out)
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
