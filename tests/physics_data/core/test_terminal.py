import io

from rich.console import Console

from physics_data.core.program import Table


def test_a_narrow_terminal_cuts_no_name_off():
    table = Table("system", "overall")
    table.add_row("constant_velocity", "0.25")
    text = io.StringIO()
    Console(width=20, file=text).print(table)
    words = "".join(line.split("│")[1].strip() for line in text.getvalue().splitlines() if "│" in line)
    assert words == "constant_velocity"
