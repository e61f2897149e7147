"""Commands that make scenes, films of them, lessons, and sets of scenes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from physics_data.cli.options import SetOption
from physics_data.core.program import messages, progress_bar

SceneArgument = Annotated[str, typer.Argument(help="A scene file (.yaml, .json), or the name of a scenario.")]


def direct(
    words: Annotated[str, typer.Argument(help="What happens, in English or Korean.")],
    out: Annotated[Path, typer.Option(help="Scene file to write, e.g. scene.yaml.")],
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the values that are tried.")] = 0,
    language: Annotated[str | None, typer.Option(help="en or ko; default: detected.")] = None,
    llm: Annotated[str | None, typer.Option(help="URL of an OpenAI-compatible endpoint that writes the scene.")] = None,
    llm_model: Annotated[str | None, typer.Option(help="Name of the language model there.")] = None,
    fallback: Annotated[
        bool, typer.Option("--fallback", help="Use the built-in parser if the language model fails.")
    ] = False,
) -> None:
    """Make a scene from text, and verify in simulation that every stated event happens.

    Prints the time of each event, the assumptions and the words not understood. `simulate` renders the scene.

    With --llm, the API key is read from the environment variable OPENAI_API_KEY.

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
    file: Annotated[Path, typer.Argument(help="YAML file of shots, each text or a scene.")],
    out: Annotated[Path, typer.Option(help="Video to write (.mp4, .gif, ...).")],
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the values that are tried for text.")] = 0,
    labels: Annotated[
        Path | None, typer.Option(help="Also write the labels of all pixels, bodies, cuts and shots (.npz).")
    ] = None,
) -> None:
    """Make a video of several shots that share bodies by name: colour, size, material and label persist across cuts.

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


def episodes(
    scene: SceneArgument,
    out: Annotated[Path, typer.Option(help="Dataset folder to write.")],
    count: Annotated[int, typer.Option(min=1, help="Number of episodes.")] = 10,
    rate: Annotated[float, typer.Option(min=0, help="Mean number of random pushes per second.")] = 2.0,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the scenes and the pushes.")] = 0,
    body: Annotated[list[str] | None, typer.Option(help="Push only this body; may be repeated.")] = None,
    max_impulse: Annotated[
        float | None, typer.Option(help="Largest impulse, N s; default: 1 m/s times each body's mass.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="mujoco or bullet.")] = None,
    assignments: SetOption = None,
) -> None:
    """Apply random pushes to the bodies of a scene and write the episodes as a dataset with actions.

    `python -m physics_data export FOLDER --to lerobot --out D` writes the pushes to LeRobot's `action` column.
    For your own policy use the Python interface: `ws.make_env`, `ws.write_episodes`.

    Example: `python -m physics_data episodes scene.yaml --count 20 --out runs/episodes`
    """
    from physics_data.core.config import apply_overrides
    from physics_data.environment import SceneEnv, make_env
    from physics_data.episodes import RandomPolicy, write_episodes

    settings: dict[str, Any] = apply_overrides({}, assignments or [])
    env = make_env(scene, engine=engine, bodies=body, max_impulse=max_impulse, **settings)
    assert isinstance(env, SceneEnv)
    with progress_bar() as progress:
        bar = progress.add_task("episodes", total=count, note="")
        write_episodes(
            env,
            out,
            count=count,
            policy=RandomPolicy(env, rate=rate, seed=seed),
            seed=seed,
            on_clip=lambda: progress.advance(bar),
        )
    messages.print(f"written: {out} ({count} episodes, {env.engine_name})", markup=False)


def lesson(
    name: Annotated[str, typer.Argument(help="A law (momentum, gravity, friction, ...) or a scenario.")],
    out: Annotated[Path, typer.Option(help="Page (.html) to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the scene.")] = 0,
) -> None:
    """Write a self-contained page about one law: clip, vectors, curves, sliders over simulated values, questions.

    Example: `python -m physics_data lesson momentum --out momentum.html`
    """
    from physics_data.core.errors import ConfigError
    from physics_data.pipeline.lessons import write_lesson

    if out.suffix.lower() != ".html":
        raise ConfigError(f"a lesson is a page, and --out {out} does not end in .html; write e.g. --out {name}.html.")
    with progress_bar() as progress:
        bar = progress.add_task("simulating", total=None, note="")
        clips = write_lesson(name, out, seed=seed, on_clip=lambda: progress.advance(bar))
    size = out.stat().st_size / 1e6
    messages.print(f"written: {out} ({clips} simulated clips, {size:.1f} MB; opens without a network)", markup=False)


def view(
    scene: SceneArgument,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed of a scenario, or of a file with ranges or choices.")
    ] = 0,
    engine: Annotated[str | None, typer.Option(help="mujoco or bullet.")] = None,
) -> None:
    """Simulate a scene and open it in rerun's 3-D viewer, with video, depth, tracks, contacts and forces.

    Needs the extra `rerun` and a display; `simulate SCENE --out clip.rrd` only writes the recording.

    Example: `python -m physics_data view scene.yaml`
    """
    import tempfile

    from physics_data.scenes.rerun_file import view_clip
    from physics_data.simulation import simulate

    with tempfile.TemporaryDirectory() as folder:
        raise typer.Exit(view_clip(simulate(scene, seed=seed, engine=engine), Path(folder) / "clip.rrd"))


def counterfactuals(
    scene: SceneArgument,
    out: Annotated[Path, typer.Option(help="Dataset folder to write.")],
    count: Annotated[int, typer.Option(min=1, help="Number of sets.")] = 1,
    change: Annotated[
        list[str] | None,
        typer.Option(help="gravity, push, mass, friction, restitution or remove; may be repeated. Default: all."),
    ] = None,
    frame: Annotated[
        int | None, typer.Option(min=0, help="Frame after which the change applies; default: a quarter of the clip.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="mujoco or bullet.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the first set.")] = 0,
    assignments: SetOption = None,
) -> None:
    """Simulate a scene and its counterfactual changes, and write the sets of clips as a dataset.

    counterfactuals.json in the folder lists what must and must not differ; it is verified at the end. prompts.csv and
    given/KEY.mp4 are the model inputs; `eval counterfactuals` scores the model's videos.

    Example: `python -m physics_data counterfactuals collide --count 4 --out runs/counterfactuals`
    """
    from physics_data.core.config import apply_overrides
    from physics_data.core.counterfactual import read_sets
    from physics_data.core.errors import DataError
    from physics_data.pipeline.counterfactual_sets import CHANGES, check_counterfactuals, write_counterfactuals
    from physics_data.scene_draws import scene_draws

    draws = scene_draws(scene, apply_overrides({}, assignments or []))
    if count > 1 and not draws.is_drawn:
        raise DataError(f"{scene} has no ranges, so all {count} sets would be one; leave out --count.")
    scenes = [draws.draw(seed + number) for number in range(count)]
    names = tuple(change or CHANGES)
    with progress_bar() as progress:
        bar = progress.add_task("clips", total=count * (1 + len(names)), note="")
        data = write_counterfactuals(
            scenes,
            out,
            changes=names,
            frame=frame,
            engine=engine or draws.engine,
            on_clip=lambda: progress.advance(bar),
        )
    if wrong := check_counterfactuals(data):
        raise DataError("; ".join(wrong))
    for one in read_sets(out):
        for member in one.counterfactuals:
            differ = ", ".join(member.must_differ)
            same = ", ".join(name for name in member.must_not_differ) or "none"
            messages.print(f"{member.key}: differ: {differ}; unmoved: {same}", markup=False)
    messages.print(f"written: {out} ({len(data)} clips)", markup=False)
