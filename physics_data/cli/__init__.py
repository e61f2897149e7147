"""The commands of ``python -m physics_data``; heavy parts are imported by the command that needs them."""

from physics_data.cli.build_commands import build, clip, new, simulate, warmup
from physics_data.cli.export_commands import audit, copy, export, import_dataset
from physics_data.cli.inspect_commands import biases, check, laws, list_members, preview, schema
from physics_data.cli.scene_commands import counterfactuals, direct, episodes, lesson, storyboard, view
from physics_data.core.program import make_app

app = make_app("Build, check and view physics datasets: scenes simulated by two engines, drawn by one renderer.")

app.command()(new)
app.command()(simulate)
app.command()(direct)
app.command()(storyboard)
app.command()(episodes)
app.command()(counterfactuals)
app.command()(lesson)
app.command()(view)
app.command()(build)
app.command()(clip)
app.command()(warmup)
app.command()(check)
app.command()(biases)
app.command()(preview)
app.command()(export)
app.command()(copy)
app.command("import")(import_dataset)
app.command()(audit)
app.command()(laws)
app.command()(schema)
app.command("list")(list_members)
