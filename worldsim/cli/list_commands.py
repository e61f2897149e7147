"""``python -m worldsim list``, ``votes`` and ``studio``."""

import json
import os
import socket
import webbrowser
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.config import SHIPPED_CONFIGS
from physics_data.core.program import messages, print_listing

_SHOWN = ("tasks", "pipelines", "losses", "auxiliary_losses", "solvers", "annotators")


def list_parts(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    configs: Annotated[
        Path | None,
        typer.Option(help="Folder with configs to list as presets; default: those that come with worldsim."),
    ] = None,
) -> None:
    """List the stages, public models, losses, auxiliary losses, solvers, annotators and presets, with one line each.

    Example: `python -m worldsim list --json`
    """
    from worldsim.listing import list_members

    listing = {family: list_members(family) for family in _SHOWN}
    print_listing({**listing, "presets": _presets(configs)}, as_json)


def votes(
    file: Annotated[Path, typer.Argument(help="SQLite file of votes; --add creates it if missing.")],
    add: Annotated[
        list[Path] | None,
        typer.Option(help="CSV or Parquet table with voter, prompt, question, left, right, choice; may be repeated."),
    ] = None,
    question: Annotated[str | None, typer.Option(help="Only votes on this question.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write decided votes as a preference set (Parquet).")] = None,
    fit: Annotated[
        Path | None, typer.Option(help="Train a reward model on the votes and write it to this folder.")
    ] = None,
    vae: Annotated[Path, typer.Option(help="VAE whose latents are the input of the reward model of --fit.")] = Path(
        "builtin:world/vae"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rank models by pairwise human votes on videos of one prompt, and train a reward model on them.

    Example: `python -m worldsim votes runs/votes.sqlite --add votes.csv --export runs/preferences.parquet`
    """
    import rich

    from physics_data.core.errors import DataError
    from physics_data.core.program import Table
    from worldsim.rewards.votes import Votes, agreement, position_bias, rank, read_votes, write_preferences

    if not file.exists() and not add:
        raise DataError(f"there is no {file}; give a file of votes, or --add a table of them.")
    tables = [vote for path in add or [] for vote in read_votes(path)]
    kept = Votes(file)
    if tables:
        messages.print(f"{kept.add(tables)} votes added", markup=False)
    found = [vote for vote in kept if question in (None, vote.question)]
    ranking = rank(found)
    same, (share, low, high) = agreement(found), position_bias(found)
    if export is not None:
        messages.print(f"{write_preferences(found, export)} decided votes in {export}", markup=False)
    if fit is not None:
        from worldsim.rewards.preference_model import fit_preferences

        report = fit_preferences(found, fit, vae=vae)
        messages.print(
            f"{fit}: chooses as people do in {report.accuracy:.0%} [{report.low:.0%}, {report.high:.0%}] of "
            f"{report.held_out_votes} votes on held-out prompts, trained on {report.train_votes}",
            markup=False,
        )
    columns = {name: getattr(ranking, name).tolist() for name in ("strength", "low", "high", "wins")}
    rows = [
        {"model": name, **{column: values[number] for column, values in columns.items()}}
        for number, name in enumerate(ranking.models)
    ]
    if as_json:
        bias = {"left": share, "low": low, "high": high}
        typer.echo(json.dumps({"votes": len(found), "ranking": rows, "agreement": same, "position_bias": bias}))
        return
    table = Table("model", "strength", "95 %", "won")
    for row in rows:
        interval = f"{row['low']:+.2f} to {row['high']:+.2f}"
        table.add_row(row["model"], f"{row['strength']:+.2f}", interval, f"{row['wins']:.0%}")
    rich.print(table)
    told = "no comparison has two voters" if same is None else f"voters agree in {same:.0%} of shared comparisons"
    typer.echo(f"{len(found)} votes; {told}; left is chosen in {share:.0%} [{low:.0%}, {high:.0%}]")


def _presets(configs: Path | None) -> dict[str, str]:
    """Return what --config takes → first sentence of every config's comment of this program."""
    found: dict[str, str] = {}
    for path in sorted((configs or SHIPPED_CONFIGS).glob("*.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        if any(line.startswith("task:") for line in lines):
            told = " ".join(line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), lines))
            first = told.split(" command: ")[0].partition(". ")[0].strip().rstrip(".") + "." if told else ""
            found[path.as_posix() if configs else f"configs/{path.name}"] = first
    return found


def studio(
    folder: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders with datasets, results and runs; new files go to the first one."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Local port; 0 picks a free one.")] = 8720,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Open the studio in the browser: make scenes from text, browse datasets and scores, vote, play.

    It listens on localhost only and requires the token in the printed address. From another machine: `ssh
    -L 8720:localhost:8720 HOST`, and open that address there.

    Example: `worldsim studio runs`
    """
    from physics_data.core.errors import ConfigError, MissingPackageError

    try:
        import fastapi as fastapi
        import uvicorn
    except ImportError as error:
        raise MissingPackageError(
            f"the studio needs {error.name}, which is not installed: pip install 'worldsim[studio]'"
        ) from error
    from worldsim.studio.app import create_app, new_token
    from worldsim.studio.workspace import Workspace

    folders = tuple(folder or [Path("runs")])
    folders[0].mkdir(parents=True, exist_ok=True)
    missing = [str(one) for one in folders if not one.is_dir()]
    if missing:
        raise ConfigError(f"there is no folder {', '.join(missing)}; give folders that are there.")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            ours.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(f"port {port} cannot be used ({error.strerror}); give another --port, or 0.") from error
        port = ours.getsockname()[1]
        token = os.environ.get("WORLDSIM_STUDIO_TOKEN") or new_token()
        app = create_app(Workspace(folders), token, port)
        address = f"http://localhost:{port}/?token={token}"
        messages.print(f"The studio is open: {address}", markup=False, soft_wrap=True)
        messages.print("It ends with Ctrl-C; jobs that are left go on at the next start.")
        if browser:
            webbrowser.open(address)
        config = uvicorn.Config(app, log_level="warning", access_log=False, ws_max_size=2**16)
        uvicorn.Server(config).run(sockets=[ours])
