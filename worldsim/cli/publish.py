"""``python -m worldsim publish``."""

from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import messages


def publish(
    model: Annotated[Path, typer.Argument(help="Run or model folder of a VAE or a transformer.")],
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist yet.")],
) -> None:
    """Copy a finished model in half precision, to hand it on; a transformer takes its VAE along.

    Example: `python -m worldsim publish runs/dit --out my_model`
    """
    from worldsim import weights

    weights.publish(model, out)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    messages.print(f"{out}: {size / 1e6:.1f} MB")
