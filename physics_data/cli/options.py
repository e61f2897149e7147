"""Options and small pieces that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[Path, typer.Option(help="YAML file, e.g. configs/data_demo.yaml.")]
DatasetArgument = Annotated[Path, typer.Argument(help="A dataset folder, or a URL of one (s3://, gs://, hf://).")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override a value: --set settings.width=128.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout instead of a table.")]
SplitOption = Annotated[str | None, typer.Option(help="train, val, test or ood; default all.")]
