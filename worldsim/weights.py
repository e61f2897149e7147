"""Finished models as folders: ``weights.safetensors`` and ``card.json``. Sampling needs nothing else of training."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from physics_data.core.atomic import atomic_folder, write_text
from physics_data.core.config import validate_config
from physics_data.core.errors import CheckpointError, ConfigError, UnknownNameError, suggest
from physics_data.core.provenance import sha256_of
from worldsim.cards import CARD_NAME, check_files, load_tensors, read_card, save_tensors, with_present_names
from worldsim.config import TokenizerConfig
from worldsim.model import DiT, DiTConfig
from worldsim.model.lora import LoraSettings, adapter_tensors, load_adapter
from worldsim.model.upsampler import Upsampler, UpsamplerConfig
from worldsim.prompt import TextEncoder
from worldsim.vae import VideoVAE, VideoVAEConfig

MODEL_FORMAT = "worldsim.model/1"
WEIGHTS_NAME = "weights.safetensors"
_VAE_FOLDER = "vae"
_KEPT_WHOLE = "motion_prior."


@dataclass(frozen=True)
class Generator:
    """Everything that makes videos: the transformer, the VAE whose latents it learned, and its word tokenizer.

    card holds the training figures and the clip geometry: ``card["clip"]`` has num_frames, height, width, frame_rate.
    """

    dit: DiT
    vae: VideoVAE
    tokenizer: TextEncoder
    card: dict[str, Any]


def save_vae(folder: Path, vae: VideoVAE, config: VideoVAEConfig, facts: dict[str, Any]) -> None:
    """Write a VAE, atomically; ``facts`` go into its card."""
    with atomic_folder(folder) as partial:
        _write(partial, vae, {"kind": "vae", "config": config.model_dump(mode="json"), **facts})


def save_upsampler(folder: Path, model: Upsampler, config: UpsamplerConfig, facts: dict[str, Any]) -> None:
    """Write an upsampler, atomically; ``facts`` go into its card."""
    with atomic_folder(folder) as partial:
        _write(partial, model, {"kind": "upsampler", "config": config.model_dump(mode="json"), **facts})


def load_upsampler(folder: Path) -> Upsampler:
    """Load an upsampler for use: in evaluation mode, without gradients, on the CPU.

    Raises:
        CheckpointError: no model there, one of another kind, or a damaged one.
    """
    card = _open(folder, "upsampler")
    return _load(Upsampler(_config(UpsamplerConfig, card, folder)), folder)


def save_generator(
    folder: Path, dit: DiT, config: DiTConfig, tokenizer: TokenizerConfig, vae_folder: Path, facts: dict[str, Any]
) -> None:
    """Write a transformer together with a copy of its VAE, atomically; ``facts`` go into its card."""
    with atomic_folder(folder) as partial:
        words = tokenizer.model_dump(mode="json")
        _write(partial, dit, {"kind": "dit", "config": config.model_dump(mode="json"), "tokenizer": words, **facts})
        (partial / _VAE_FOLDER).mkdir()
        for name in (CARD_NAME, WEIGHTS_NAME):
            (partial / _VAE_FOLDER / name).write_bytes((vae_folder / name).read_bytes())


def save_adapter(folder: Path, dit: DiT, settings: LoraSettings, facts: dict[str, Any]) -> None:
    """Write the low-rank adapter of a transformer, atomically; ``facts`` go into its card."""
    with atomic_folder(folder) as partial:
        save_tensors(partial / WEIGHTS_NAME, adapter_tensors(dit))
        record = {"format": MODEL_FORMAT, "kind": "adapter", "config": settings.model_dump(mode="json"), **facts}
        record["files"] = {WEIGHTS_NAME: sha256_of(partial / WEIGHTS_NAME)}
        write_text(partial / CARD_NAME, json.dumps(record, indent=1))


def put_adapter(dit: DiT, folder: Path, name: str = "default") -> None:
    """Load a low-rank adapter into a transformer and switch to it.

    Raises:
        CheckpointError: no adapter there, or a damaged one.
        ConfigError: it was trained on another transformer.
    """
    card = _open(folder, "adapter")
    load_adapter(dit, _config(LoraSettings, card, folder), load_tensors(folder / WEIGHTS_NAME), name)


def load_vae(folder: Path) -> VideoVAE:
    """Load a VAE for use: in evaluation mode, without gradients, on the CPU.

    Raises:
        CheckpointError: no model there, one of another kind, or a damaged one.
    """
    card = _open(folder, "vae")
    return _load(VideoVAE(_config(VideoVAEConfig, card, folder)), folder)


def load_generator(folder: Path) -> Generator:
    """Load a transformer and its VAE for sampling: in evaluation mode, without gradients, on the CPU.

    Raises:
        CheckpointError: no model there, one of another kind, or a damaged one.
    """
    card = _open(folder, "dit", needs=("tokenizer", "clip"))
    tokenizer = _config(TokenizerConfig, card, folder, "tokenizer").build(**_vocabulary(card, folder))
    dit = _load(DiT(_config(DiTConfig, card, folder)), folder)
    return Generator(dit, load_vae(folder / _VAE_FOLDER), tokenizer, card)


def vocabulary_of_model(folder: Path) -> dict[str, Any]:
    """Return what ``TokenizerConfig.build`` takes for a transformer: ``vocabulary``, None if not known, and ``hashed``.

    Raises:
        CheckpointError: no transformer there.
    """
    return _vocabulary(_open(folder, "dit"), folder)


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 of the weights of a model, as its card says.

    Raises:
        CheckpointError: no model there.
    """
    return str(read_card(folder, MODEL_FORMAT)["files"].get(WEIGHTS_NAME))


def _vocabulary(card: dict[str, Any], folder: Path) -> dict[str, Any]:
    record = card.get("vocabulary")
    if record is None:  # a model from before cards held the words
        return {"vocabulary": None, "hashed": True}
    try:
        return {"vocabulary": tuple(str(word) for word in record["words"]), "hashed": record["ids"] == "hashed"}
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / CARD_NAME} is damaged: its vocabulary has no {error}.") from error


BUILTIN_FOLDER = Path(__file__).parent / "weights_data"
"""Models that come with the package, a folder each: ``builtin:NAME``."""


def builtin_models() -> list[str]:
    """Return the names after ``builtin:``; the VAE of a generator is NAME/vae."""
    return sorted(card.parent.relative_to(BUILTIN_FOLDER).as_posix() for card in BUILTIN_FOLDER.glob(f"**/{CARD_NAME}"))


def model_folder(given: Path) -> Path:
    """Return the folder that holds the card: ``given`` itself, the ``model`` folder of a run, or a built-in model.

    Raises:
        UnknownNameError: ``builtin:NAME`` that does not come with the package.
    """
    prefix, _, name = str(given).partition(":")
    if prefix == "builtin":
        known = builtin_models()
        if name not in known:
            raise UnknownNameError(f"unknown built-in model '{name}': {suggest(name, known)}")
        return BUILTIN_FOLDER / name
    return given if (given / CARD_NAME).is_file() else given / "model"


def publish(given: Path, folder: Path) -> None:
    """Copy a model, and the VAE of a generator, with weights rounded to half precision: half the size.

    Numbers are 1 sign, 5 exponent and 10 fraction bits; models compute in single precision after loading. What paths
    are computed with (``model.motion_prior``) stays as it is: a recursion of 30 steps would magnify its rounding.

    Raises:
        CheckpointError: no model there, a damaged one, or a weight that half precision cannot hold.
        ConfigError: ``folder`` is there already.
    """
    if folder.exists():
        raise ConfigError(f"{folder} is there already; give a new folder, nothing is overwritten.")
    source = model_folder(given)
    kind = read_card(source, MODEL_FORMAT)["kind"]
    if kind not in ("vae", "dit", "upsampler"):
        raise CheckpointError(f"{source} holds no VAE, transformer or upsampler; give the folder of a run.")
    with atomic_folder(folder) as partial:
        _halve(source, partial, kind)
        if kind == "dit":
            (partial / _VAE_FOLDER).mkdir()
            _halve(source / _VAE_FOLDER, partial / _VAE_FOLDER, "vae")


def _halve(source: Path, folder: Path, kind: str) -> None:
    card = _open(source, kind)
    tensors = {
        name: value if name.startswith(_KEPT_WHOLE) else value.half()
        for name, value in load_tensors(source / WEIGHTS_NAME).items()
    }
    wrong = [name for name, value in tensors.items() if not value.isfinite().all()]
    if wrong:
        raise CheckpointError(f"half precision cannot hold '{wrong[0]}' of {source}; copy the folder as it is.")
    save_tensors(folder / WEIGHTS_NAME, tensors)
    record = {**card, "files": {WEIGHTS_NAME: sha256_of(folder / WEIGHTS_NAME)}}
    write_text(folder / CARD_NAME, json.dumps(record, indent=1))


def _write(folder: Path, module: nn.Module, card: dict[str, Any]) -> None:
    save_tensors(folder / WEIGHTS_NAME, module.state_dict())
    record = {"format": MODEL_FORMAT, **card, "files": {WEIGHTS_NAME: sha256_of(folder / WEIGHTS_NAME)}}
    write_text(folder / CARD_NAME, json.dumps(record, indent=1))


def _open(folder: Path, kind: str, needs: Collection[str] = ()) -> dict[str, Any]:
    card = read_card(folder, MODEL_FORMAT, needs=("kind", "config", "files", *needs))
    if card["kind"] != kind:
        raise CheckpointError(f"{folder} holds a '{card['kind']}', needed here is a '{kind}'.")
    check_files(folder, card, advice="Train it again, or restore the folder.")
    return card


def _load(module: Any, folder: Path) -> Any:
    try:
        module.load_state_dict(load_tensors(folder / WEIGHTS_NAME))
    except RuntimeError as error:
        raise CheckpointError(f"{folder} does not fit this version of the model: {error}") from error
    return module.eval().requires_grad_(False)


def _config(schema: Any, card: dict[str, Any], folder: Path, key: str = "config") -> Any:
    try:
        stored = with_present_names(card[key], source=str(folder / CARD_NAME))
        return validate_config(schema, stored, source=str(folder / CARD_NAME), stored=True)
    except ConfigError as error:
        raise CheckpointError(f"{folder} was made by another version of the model. {error}") from error
