"""Folders of tensors with a ``card.json`` that says what they are and holds their digests."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from physics_data.core.errors import CheckpointError
from physics_data.core.provenance import sha256_of
from worldsim.former_names import present_weight

CARD_NAME = "card.json"


def save_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write tensors as safetensors, readable for all who may read the folder (the library: for the owner alone).

    Raises:
        OSError: the disk refused.
    """
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    try:
        save_file(whole, str(path))
    except SafetensorError as error:  # the library's word for a full disk
        raise OSError(None, str(error)) from error
    path.chmod(0o600 | path.parent.stat().st_mode & 0o066)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read safetensors; weights have their present names.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        return {present_weight(name): value for name, value in load_file(str(path)).items()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); it is missing or damaged.") from error


def read_card(folder: Path, expected_format: str, needs: Collection[str] = ("files",)) -> dict[str, Any]:
    """Read ``card.json``.

    Raises:
        CheckpointError: it is missing, not JSON, of another format version, or without a key that is needed.
    """
    path = folder / CARD_NAME
    if not path.is_file():
        raise CheckpointError(f"no model in {folder}: it has no {CARD_NAME}; train one or give another folder.")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); restore it, or train again.") from error
    version = card.get("format") if isinstance(card, dict) else None
    if version != expected_format:
        raise CheckpointError(
            f"{path} has format '{version}', needed here is '{expected_format}': another version made it. Use that "
            "version, or train again."
        )
    missing = [name for name in needs if name not in card]
    if missing or not isinstance(card["files"] if "files" in needs else {}, dict):
        raise CheckpointError(f"{path} is damaged: it has no {', '.join(missing) or 'files'}; train again.")
    return card


def check_files(folder: Path, card: dict[str, Any], *, advice: str) -> None:
    """Compare the files of a folder with the digests in its card.

    Raises:
        CheckpointError: a file is missing, truncated or changed; ``advice`` ends the message.
    """
    for name, digest in card["files"].items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{path} is missing. {advice}")
        if sha256_of(path) != digest:
            raise CheckpointError(f"{path} is damaged: it is truncated or was changed after it was written. {advice}")
