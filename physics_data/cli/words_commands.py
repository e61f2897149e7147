"""Commands that make scenes and films of words: ``direct`` and ``storyboard``."""

from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import messages


def direct(
    words: Annotated[str, typer.Argument(help="What happens, in English or Korean.")],
    out: Annotated[Path, typer.Option(help="Scene file to write, e.g. scene.yaml.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the numbers that are tried.")] = 0,
    language: Annotated[str | None, typer.Option(help="en or ko; default: the one that reads most words.")] = None,
    llm: Annotated[str | None, typer.Option(help="URL of an OpenAI-compatible endpoint that writes the scene.")] = None,
    llm_model: Annotated[str | None, typer.Option(help="Name of the language model there.")] = None,
    fallback: Annotated[
        bool, typer.Option("--fallback", help="Use the embedded parser where the language model fails.")
    ] = False,
) -> None:
    """Make a scene of words, and check in simulation that everything they state happens.

    Prints when each event occurs, what was assumed and which words were not understood. `simulate` films the scene.

    With --llm the key of the endpoint is read from the environment (OPENAI_API_KEY).

    Example: `python -m physics_data direct "a heavy red ball rolls off a table" --out scene.yaml`
    """
    from physics_data.core.errors import ConfigError
    from physics_data.scenes.words.direct import direct as make_scene

    if out.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(f"a scene file ends in .yaml, {out} does not; write e.g. --out scene.yaml.")
    scene = make_scene(words, seed=seed, language=language, llm=llm, llm_model=llm_model, fallback=fallback)
    scene.save(out)
    for remark in scene.remarks():
        messages.print(remark, markup=False)
    messages.print(f"written: {out}. Now: python -m physics_data simulate {out} --out clip.mp4", markup=False)


def storyboard(
    file: Annotated[Path, typer.Argument(help="YAML with shots of words or scenes.")],
    out: Annotated[Path, typer.Option(help="Video to write (.mp4, .gif, ...).")],
    seed: Annotated[int, typer.Option(min=0, help="Of the numbers that are tried for words.")] = 0,
    labels: Annotated[
        Path | None, typer.Option(help="Also write the labels of all pixels, bodies, cuts and shots (.npz).")
    ] = None,
) -> None:
    """Make a film of several shots, which share bodies by name: colour, size, material and label hold across cuts.

    Example: `python -m physics_data storyboard story.yaml --out film.mp4`
    """
    from physics_data.scenes.words.storyboard import make_film

    film = make_film(file, seed=seed)
    film.save(out)
    if labels is not None:
        film.save_labels(labels)
    for number, clip in enumerate(film.clips, 1):
        names = ", ".join(body.name for body in clip.labelled[0].instances)
        messages.print(f"shot {number}: {clip.meta.num_frames} frames, {names}", markup=False)
    messages.print(f"written: {out}", markup=False)
