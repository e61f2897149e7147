"""The commands of ``python -m physics_data``; heavy parts are imported by the command that needs them."""

from physics_data.cli.listing import laws, list_members, schema
from physics_data.cli.look import biases, check, preview
from physics_data.cli.make import build, clip
from physics_data.cli.scenes import new, simulate
from physics_data.cli.use import audit, export
from physics_data.core.program import make_app

app = make_app("Make, check and look at physics datasets: scenes simulated by two engines, drawn by one renderer.")

app.command()(new)
app.command()(simulate)
app.command()(build)
app.command()(clip)
app.command()(check)
app.command()(biases)
app.command()(preview)
app.command()(export)
app.command()(audit)
app.command()(laws)
app.command()(schema)
app.command("list")(list_members)
