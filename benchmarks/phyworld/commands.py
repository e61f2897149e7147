"""``python -m benchmarks phyworld``: floors and baselines, training clips, and models in the published table."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from physics_data.core.program import make_app, messages, progress_bar

app = make_app("PhyWorld's protocol: floors, baselines, training clips, and models of this project in its table.")

Law = Literal["uniform", "parabola", "collision"]
LAWS: tuple[Law, ...] = ("uniform", "parabola", "collision")


@app.callback(invoke_without_command=True)
def phyworld(
    context: typer.Context,
    law: Annotated[Law | None, typer.Option(help="One law; all if left out. Needed with --model and --vae.")] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(help="Run or model folder, or builtin:NAME; several are training seeds of one row."),
    ] = None,
    vae: Annotated[
        list[Path] | None,
        typer.Option(help="VAE whose floor is measured: builtin:NAME, or a run or model folder; may be repeated."),
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option(help="Seed of the noise; may be repeated; default 0, 1, 2.")
    ] = None,
    share: Annotated[int, typer.Option(min=1, help="Use every n-th published scene; 1 uses all.")] = 8,
    num_steps: Annotated[int, typer.Option(min=1, help="Solver steps.")] = 4,
    vae_size: Annotated[int, typer.Option(min=8, help="Frame side for --vae, px.")] = 64,
    name: Annotated[str, typer.Option(help="Name of the models' row.")] = "ours",
    out: Annotated[Path | None, typer.Option(help="Folder for rows.json, table.md and rollouts.png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Reproduce PhyWorld's noise floors and baselines, and score the built-in models of its laws.

    With --model, score other models, which continue the scenes from 3 frames.

    Examples: `python -m benchmarks phyworld --json > phyworld.json`,
    `python -m benchmarks phyworld --law uniform --model runs/phyworld/motion_prior_uniform --out runs/phyworld/table`
    """
    if context.invoked_subcommand is not None:
        return
    from benchmarks.rows import print_rows, rows_as_json

    if model or vae:
        if law is None:
            raise typer.BadParameter("--model and --vae need --law: uniform, parabola or collision.")
        if ", " in name:
            raise typer.BadParameter(f"--name '{name}' holds a comma, which parts the names of rows; leave it out.")
        from benchmarks.phyworld.continuations import Plan, measure, picture
        from benchmarks.phyworld.table import markdown
        from physics_data.core.atomic import atomic_path, require_writable, write_text

        if out is not None:
            require_writable(out)
        plan = Plan(
            law, tuple(model or ()), tuple(vae or ()), tuple(seeds or (0, 1, 2)), share, num_steps, vae_size, name
        )
        found = measure(plan, messages.print)
        rows = found.rows
        if out is not None:
            from PIL import Image

            write_text(out / "rows.json", rows_as_json(rows))
            write_text(out / "table.md", markdown(law, rows))
            if found.pictured:
                with atomic_path(out / "rollouts.png") as partial:
                    Image.fromarray(picture(found.pictured)).save(partial, format="png")
            messages.print(f"[bold]{out}[/bold]: rows.json, table.md" + (", rollouts.png" if found.pictured else ""))
    else:
        from benchmarks.phyworld.continuations import measure_shipped
        from benchmarks.phyworld.table import floor_rows

        laws = LAWS if law is None else (law,)
        rows = [row for row in floor_rows(share) if row.name.split(",")[0] in laws]
        for one in laws:
            rows += measure_shipped(one, share, messages.print)
    print_rows(rows, as_json)


@app.command()
def data(
    law: Annotated[Law, typer.Option(help="uniform, parabola or collision.")],
    out: Annotated[Path, typer.Option(help="Dataset folder, as `worldsim train` reads it.")],
    clips: Annotated[
        int, typer.Option(min=1, help="Number of training clips; the published sets have 30,000 and more.")
    ] = 2000,
    test_clips: Annotated[int, typer.Option(min=0, help="Number of held-out clips of the same ranges.")] = 64,
    size: Annotated[int, typer.Option(min=1, help="Side of the frames, px; divides 256.")] = 32,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the scenes.")] = 0,
) -> None:
    """Write in-distribution training clips of a law: 32 frames at 10 Hz, rendered at 256 px and downscaled.

    Example: `python -m benchmarks phyworld data --law uniform --clips 2000 --out runs/phyworld/uniform`
    """
    from benchmarks.phyworld.training_clips import ClipPlan, ranges_seen, write_clips

    plan = ClipPlan(law=law, clips=clips, test_clips=test_clips, size=size, seed=seed)
    with progress_bar() as progress:
        bar = progress.add_task("clips", total=clips + test_clips, note="")
        count = write_clips(out, plan, lambda: progress.advance(bar))
    seen = ranges_seen(out)
    messages.print(
        f"[bold]{out}[/bold]: {count} clips. Read from the stored pixels: radius {seen.radius[0]:.2f} to "
        f"{seen.radius[1]:.2f}, speed {seen.speed[0]:.2f} to {seen.speed[1]:.2f}"
    )
