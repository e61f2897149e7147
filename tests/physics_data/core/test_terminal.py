import io

import pytest
from rich.console import Console

from physics_data.core.program import Table, make_app, run


def test_a_narrow_terminal_cuts_no_name_off():
    table = Table("system", "overall")
    table.add_row("constant_velocity", "0.25")
    text = io.StringIO()
    Console(width=20, file=text).print(table)
    words = "".join(line.split("│")[1].strip() for line in text.getvalue().splitlines() if "│" in line)
    assert words == "constant_velocity"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["draw", "--num", "3"], "--num was renamed; write --count."),
        (["picture"], "The command 'picture' was renamed; write 'draw'."),
        (["draw", "--cont", "3"], "No such option: --cont"),
    ],
)
def test_former_names_are_answered_with_the_present_ones(arguments, answer, monkeypatch, capsys):
    app = make_app("test", renamed={"--num": "--count", "picture": "draw"})

    @app.command()
    def draw(count: int = 1) -> None:
        """Draw."""

    @app.command()
    def other() -> None:
        """Do nothing."""

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.argv", ["test", *arguments])
    with pytest.raises(SystemExit) as stop:
        run(app)
    assert stop.value.code == 2
    assert answer in " ".join(capsys.readouterr().err.split())
