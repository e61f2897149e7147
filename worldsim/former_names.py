"""Names of before in what is stored: keys of configs in cards and checkpoints are read as the present ones."""

from collections.abc import Mapping
from typing import Any

from physics_data.core.errors import CheckpointError

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


def present_weight(name: str) -> str:
    """Return the present name of a stored weight, or of a prefix of such names."""
    parts = [RENAMED_LAYERS.get(part, part) for part in name.split(".")]
    first = 1 if parts[0] == "dit" else 0  # a transformer beside its probes
    parts[first : first + 1] = [RENAMED_MODULES.get(part, part) for part in parts[first : first + 1]]
    return ".".join(parts)


def with_present_names(config: Any, *, source: str) -> Any:
    """Return a stored config with present keys.

    Raises:
        CheckpointError: it has a setting that was removed, with a value that nothing does any more.
    """
    if isinstance(config, Mapping):
        found: dict[str, Any] = {}
        for key, value in config.items():
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
