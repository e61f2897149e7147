"""What the four command-line programs share: the error panel, exit codes, progress bars, listings."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import typer
from rich import table as rich_table
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from typer.core import TyperGroup

from physics_data import __version__
from physics_data.core.errors import WorldsimError

_WIDTH_OF_FILES = 120
"""Columns of what goes to a file or pipe, where rich's default of 80 breaks the names in tables."""


def wide_console(*, stderr: bool = False) -> Console:
    """Return a console as wide as its terminal or $COLUMNS, or wide where there is neither."""
    console = Console(stderr=stderr)
    known = console.is_terminal or "COLUMNS" in os.environ
    return console if known else Console(stderr=stderr, width=_WIDTH_OF_FILES)


messages = wide_console(stderr=True)
"""Everything meant for a person goes to stderr; stdout is for results and ``--json``."""


class _Group(TyperGroup):
    """Commands whose help shows no type for flags, which take no value; a single command needs no name.

    Former names of flags and commands are answered with the present ones.
    """

    renamed: ClassVar[Mapping[str, str]] = {}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments of the group, those of its only command without that command's name."""
        alone = len(self.commands) == 1 and ctx.parent is None and not self.invoke_without_command
        if alone and args and args[0] not in (*self.commands, "--version"):
            args = [*self.commands, *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command."""
        command = super().get_command(ctx, cmd_name)
        if command is None and cmd_name in self.renamed:
            ctx.fail(f"The command '{cmd_name}' was renamed; write '{self.renamed[cmd_name]}'.")
        for parameter in [*command.params, command.get_help_option(ctx)] if command is not None else []:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            flag = str(getattr(error, "option_name", ""))
            if flag in self.renamed and error.message.startswith("No such option"):
                error.message = f"{flag} was renamed; write {self.renamed[flag]}."
                vars(error)["possibilities"] = []
            raise


def make_app(help_text: str, renamed: Mapping[str, str] | None = None) -> typer.Typer:
    """Return an application with the settings all programs share.

    Args:
        help_text: what the program is for.
        renamed: former name of a flag (``--old``) or command (``old``) → what to write now, for its error message.
    """
    app = typer.Typer(
        cls=type("_Group", (_Group,), {"renamed": renamed or {}}),
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(help=help_text)
    def about(
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.", metavar="")
        ] = False,
    ) -> None: ...

    return app


def _show_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"worldsim {__version__}")
        raise typer.Exit
    return wanted


def run(app: typer.Typer) -> None:
    """Run an application: a user's mistake, or the disk's, becomes one panel and exit code 1, Ctrl-C exit code 130."""
    try:
        app(standalone_mode=True)
    except WorldsimError as error:
        messages.print(Panel(escape(str(error)), title=type(error).__name__, title_align="left", border_style="red"))
        raise SystemExit(1) from None
    except (SystemExit, KeyboardInterrupt) as stop:  # typer turns Ctrl-C into exit code 130
        if isinstance(stop, SystemExit) and stop.code != 130:
            raise
        messages.print("\n[yellow]Stopped. Finished files are whole and kept; nothing half-written is left.[/yellow]")
        raise SystemExit(130) from None
    except BrokenPipeError:  # the reader of our output has gone, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except OSError as error:  # a folder that may not be entered, a disk that fails
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror or error}. Look at the path and its permissions, or give another one."
        messages.print(Panel(escape(text), title="StorageError", title_align="left", border_style="red"))
        raise SystemExit(1) from None


class Table(rich_table.Table):
    """rich's table; a narrow terminal breaks long words over lines, where rich's default cuts them off."""

    def __init__(self, *headers: str, **options: Any) -> None:
        super().__init__(*(rich_table.Column(header, overflow="fold") for header in headers), **options)


class _NoteColumn(ProgressColumn):
    """Shows the field ``note`` of a task, where it has one."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("note", "")))


def progress_bar() -> Progress:
    """Return a progress bar with counts, elapsed and remaining time, and each task's ``note``, on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        _NoteColumn(),
        console=messages,
    )


def print_listing(families: Mapping[str, Mapping[str, str]], as_json: bool) -> None:
    """Print family → name → one line, as tables or as one JSON object on stdout."""
    if as_json:
        typer.echo(json.dumps({family: dict(members) for family, members in families.items()}, indent=2))
        return
    console = wide_console()
    for family, members in families.items():
        table = Table("name", "what it is", title=family, title_justify="left", title_style="bold")
        for name, line in members.items():
            table.add_row(name, escape(line))
        console.print(table)
