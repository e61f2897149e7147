"""Folders of tensors with a ``card.json`` that says what they are, and the former names of keys in it."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from physics_data.core.errors import CheckpointError
from physics_data.core.provenance import sha256_of

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


RENAMED: dict[str, str] = {
    "numbers": "scalars",
    "carry": "motion_prior",
    "carriers": "bodies",
    "meet": "collision",
    "own_t_share": "diffusion_forcing_probability",
    "drop_prompt": "condition_dropout",
    "drop_domain": "domain_dropout",
    "drop_numbers": "scalar_dropout",
    "drop_scene": "scene_dropout",
    "drop_scene_parts": "scene_part_dropout",
    "given_share": "image_to_video_probability",
    "least_given": "min_conditioning_latents",
    "most_given": "max_conditioning_latents",
    "given_anywhere": "random_position_probability",
    "most_noise": "max_noise",
    "most_skipped": "max_skipped",
    "least_t": "min_t",
    "least_scale": "min_scale",
    "centre_share": "centre_probability",
    "spectral_start": "dct_init",
    "instance_gain": "foreground_weight",
    "drawing": "sampling",
    "num_given": "num_conditioning_frames",
    "critic_width": "discriminator_width",
}
"""Former key of a stored config, at any depth → its present name."""

RENAMED_MODULES: dict[str, str] = {"carry": "motion_prior", "critic": "discriminator", "place": "pos_embed"}
"""Former name of a module of a model → its present name."""

RENAMED_LAYERS: dict[str, str] = {"enter": "proj_in", "leave": "proj_out"}
"""Former name of a layer anywhere in a model → its present name."""

REMOVED: dict[str, tuple[Any, ...]] = {
    "text_attention": ("cross",),
    "attention": ("sdpa", "segments", "flex"),
}
"""Former key of a stored config → the values that mean what is done today without it."""


_GUIDANCE = {"weight": "guidance_scale", "interval": "guidance_interval"}


def present_weight(name: str) -> str:
    """Return the present name of a stored weight, or of a prefix of such names."""
    parts = [RENAMED_LAYERS.get(part, part) for part in name.split(".")]
    first = 1 if parts[0] == "dit" else 0  # a transformer beside its probes
    parts[first : first + 1] = [RENAMED_MODULES.get(part, part) for part in parts[first : first + 1]]
    return ".".join(parts)


def _with_flat_guidance(drawing: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return a stored ``drawing`` without the section ``guidance`` and the key ``grid`` that it had."""
    found = {name: value for name, value in drawing.items() if name != "guidance" and (name != "grid" or value)}
    guidance = drawing.get("guidance") or {}
    if guidance.get("kind", "cfg") != "cfg":
        raise CheckpointError(
            f"{source} was made with the guidance '{guidance['kind']}', which was removed; use the version that made "
            "it, or make it again."
        )
    return found | {present: guidance[name] for name, present in _GUIDANCE.items() if name in guidance}


def with_present_names(config: Any, *, source: str) -> Any:
    """Return a stored config with present keys.

    Raises:
        CheckpointError: it has a setting that was removed, with a value that nothing does any more.
    """
    if isinstance(config, Mapping):
        found: dict[str, Any] = {}
        for key, stored in config.items():
            value = _with_flat_guidance(stored, source) if key == "drawing" and stored else stored
            if key in ("adamw_for", "targets"):
                found[key] = value and [present_weight(one) if isinstance(one, str) else one for one in value]
            elif key not in REMOVED:
                found[RENAMED.get(str(key), str(key))] = with_present_names(value, source=source)
            elif value not in REMOVED[key]:
                raise CheckpointError(
                    f"{source} was made with {key}: {value}, which was removed; use the version that made it, or train "
                    "again."
                )
        return found
    if isinstance(config, list | tuple):
        return [with_present_names(one, source=source) for one in config]
    return config
