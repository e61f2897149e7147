"""Low-rank adapters of public families: trained through peft, stored in diffusers' own layout with a card beside.

A folder holds ``pytorch_lora_weights.safetensors``, which ``pipeline.load_lora_weights`` reads, with rank and alpha in
its metadata (without them diffusers takes alpha = rank), and ``card.json``, which says what it was trained on. The
adapter of a second expert lies in the folder ``transformer_2`` beside: ``load_lora_weights(FOLDER/transformer_2,
load_into_transformer_2=True)``.

Source: Hu et al. (2021), LoRA: low-rank adaptation of large language models.
"""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from torch import nn

from physics_data.core.atomic import atomic_folder, write_text
from physics_data.core.config import StrictModel, differences
from physics_data.core.errors import CheckpointError, ConfigError
from physics_data.core.provenance import sha256_of
from worldsim.cards import CARD_NAME, check_files, read_card
from worldsim.families.diffusers_generator import DiffusersGenerator

ADAPTER_FORMAT = "worldsim.adapter/1"
FULL_FORMAT = "worldsim.family/1"
ADAPTER_FILE = "pytorch_lora_weights.safetensors"
_NAME = "default"


class AdapterSettings(StrictModel):
    """Which matrices of a public model get an adapter, and how large.

    rank:      columns of each of the two added matrices
    alpha:     their product counts alpha / rank
    targets:   endings of the names of linear layers; None takes the family's (queries, keys, values, outputs)
    dropout:   share of inputs hidden from an adapter in training
    networks:  experts that get one; None = all
    """

    rank: Annotated[int, Field(ge=1)] = 32
    alpha: Annotated[float, Field(gt=0)] = 32.0
    targets: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    networks: tuple[str, ...] | None = None


def add_adapter(generator: DiffusersGenerator, settings: AdapterSettings) -> dict[str, list[str]]:
    """Put an adapter that changes nothing yet on the networks and freeze all other weights.

    Returns:
        network → names of the layers that got one

    Raises:
        ConfigError: peft is not installed, no network has the name, or no layer matches.
    """
    peft = _peft()
    chosen = tuple(generator.networks) if settings.networks is None else settings.networks
    matched: dict[str, list[str]] = {}
    for name in chosen:
        if name not in generator.networks:
            raise ConfigError(f"adapter.networks names '{name}'; known are {', '.join(generator.networks)}.")
        network = generator.networks[name]
        targets = settings.targets or generator.lora_targets
        layers = [one for one, module in network.named_modules() if isinstance(module, nn.Linear)]
        matched[name] = [one for one in layers if any(f".{one}".endswith(f".{target}") for target in targets)]
        missing = [target for target in targets if not any(f".{one}".endswith(f".{target}") for one in layers)]
        if missing:
            endings = sorted(
                {".".join(one.split(".")[-2:]) if one[-1].isdigit() else one.split(".")[-1] for one in layers}
            )
            raise ConfigError(
                f"adapter.targets: no linear layer of {generator.family}'s {name} ends in {', '.join(missing)}; known "
                f"endings are {', '.join(endings)}."
            )
        config = peft.LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=matched[name],
            init_lora_weights=True,
        )
        network.add_adapter(config, adapter_name=_NAME)  # pyright: ignore[reportCallIssue]
    for network in generator.networks.values():
        for name, weight in network.named_parameters():
            is_own = "lora_" in name
            weight.requires_grad_(is_own)
            if is_own:
                weight.data = weight.data.float()
    return matched


def save_adapter(generator: DiffusersGenerator, folder: Path, facts: Mapping[str, Any] | None = None) -> None:
    """Write the adapters of a generator, atomically; ``facts`` go into the card."""
    from peft import get_peft_model_state_dict

    with atomic_folder(folder) as partial:
        files, configs = {}, {}
        for name, network in _adapted(generator).items():
            own: Any = network
            place = partial if name == "transformer" else partial / name
            place.mkdir(exist_ok=True)
            saves = getattr(generator.folder.pipeline_class, "save_lora_weights", None)
            if saves is None:  # pipelines without an interface of their own for adapters
                own.save_lora_adapter(place, adapter_name=_NAME)
            else:
                config = own.peft_config[_NAME].to_dict()
                weights = {key: value.contiguous() for key, value in get_peft_model_state_dict(own).items()}
                saves(place, transformer_lora_layers=weights, transformer_lora_adapter_metadata=config)
            files[(place / ADAPTER_FILE).relative_to(partial).as_posix()] = sha256_of(place / ADAPTER_FILE)
            configs[name] = own.peft_config[_NAME].to_dict()
        card = {
            "format": ADAPTER_FORMAT,
            "kind": "family_adapter",
            "family": generator.family,
            "pipeline": generator.folder.pipeline,
            "rank": {name: one["r"] for name, one in configs.items()},
            "alpha": {name: one["lora_alpha"] for name, one in configs.items()},
            "modules": {name: sorted(one["target_modules"]) for name, one in configs.items()},
            "base": generator.network_facts(),
            **(facts or {}),
            "files": files,
        }
        write_text(partial / CARD_NAME, json.dumps(card, indent=1, default=str))


def save_whole(generator: DiffusersGenerator, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the whole diffusers folder of a generator whose weights were all trained, with a card."""
    generator.save(folder)
    paths = sorted(path for name in generator.networks for path in (folder / name).iterdir())
    files = {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths}
    card = {"format": FULL_FORMAT, "kind": "family", "family": generator.family, **facts, "files": files}
    write_text(folder / CARD_NAME, json.dumps(card, indent=1))


def load_adapter(generator: DiffusersGenerator, folder: Path) -> dict[str, int]:
    """Put trained adapters on the networks, switched on.

    With a card, the base must be the one it was trained on. Without one (an adapter made elsewhere) its layers must be
    layers of the network, of the same shape.

    Returns:
        network → how many of its layers are changed

    Raises:
        CheckpointError: no adapter there, a damaged one, or one of another family or base.
        ConfigError: peft is not installed.
    """
    _peft()
    has_card = (folder / CARD_NAME).is_file()
    if has_card:
        card = read_card(folder, ADAPTER_FORMAT)
        check_files(folder, card, advice="Train it again, or restore the folder.")
        _require_base(generator, card, folder)
    places = {name: folder if name == "transformer" else folder / name for name in generator.networks}
    found = {name: place for name, place in places.items() if (place / ADAPTER_FILE).is_file()}
    if not found:
        raise CheckpointError(f"no adapter in {folder}: it has no {ADAPTER_FILE}.")
    changed = {}
    for name, place in found.items():
        weights, metadata = _read(generator, place / ADAPTER_FILE)
        network: Any = generator.networks[name]
        changed[name] = _require_fit(generator, network, weights, place, has_card=has_card)
        network.load_lora_adapter(weights, prefix=None, metadata=metadata, adapter_name=_NAME)
        network.requires_grad_(False)
    return changed


def merge_adapter(generator: DiffusersGenerator) -> None:
    """Add the adapters to the weights they change; the networks are then plain again."""
    for network in _adapted(generator).values():
        own: Any = network
        own.fuse_lora()
        own.unload_lora()


def _adapted(generator: DiffusersGenerator) -> dict[str, nn.Module]:
    found = {name: one for name, one in generator.networks.items() if getattr(one, "peft_config", None)}
    if not found:
        raise CheckpointError("there is no adapter on the networks.")
    return found


def _read(generator: DiffusersGenerator, path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any] | None]:
    """Return the weights, named as the network's layers are, and the settings; other tools' names are translated."""
    try:
        with safe_open(str(path), framework="pt") as file:
            keys = list(file.keys())
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); it is damaged.") from error
    reads = getattr(generator.folder.pipeline_class, "lora_state_dict", None)
    prefix = "transformer."
    if reads is not None:
        try:
            weights, metadata = reads(path.parent, weight_name=path.name, return_lora_metadata=True)
        except (ValueError, KeyError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} is no adapter that diffusers reads for {generator.family}: {error}"
            ) from error
    else:
        from safetensors.torch import load_file

        weights = load_file(str(path))
        with safe_open(str(path), framework="pt") as file:
            stored = (file.metadata() or {}).get("lora_adapter_metadata")
        metadata = None if stored is None else json.loads(stored)
    if not keys or not weights:
        raise CheckpointError(f"{path} holds no weights.")
    named = {key.removeprefix(prefix): value for key, value in weights.items()}
    settings = None if not metadata else {key.removeprefix(prefix): value for key, value in metadata.items()}
    return named, settings


def _require_base(generator: DiffusersGenerator, card: dict[str, Any], folder: Path) -> None:
    if card["family"] != generator.family:
        raise CheckpointError(
            f"{folder} is an adapter of {card['family']}, the model is {generator.family}; give one of that family."
        )
    here = json.loads(json.dumps(generator.network_facts(), default=str))
    differing = differences(card["base"], here)
    if differing:
        raise CheckpointError(
            f"{folder} was trained on another {generator.family} ({card['pipeline']}); there → here:\n"
            + "\n".join(f"  {line}" for line in differing[:6])
            + "\nGive an adapter of this model, or the model it was trained on."
        )


def _require_fit(
    generator: DiffusersGenerator, network: nn.Module, weights: dict[str, torch.Tensor], place: Path, *, has_card: bool
) -> int:
    """Return how many layers an adapter changes; all must be there, and of its shape."""
    inner = {key.partition(".lora_A.")[0]: value for key, value in weights.items() if ".lora_A." in key}
    outer = {key.partition(".lora_B.")[0]: value for key, value in weights.items() if ".lora_B." in key}
    layers = dict(network.named_modules())
    wrong = [
        key
        for key in inner
        if not isinstance(layer := layers.get(key), nn.Linear)
        or layer.in_features != inner[key].shape[1]
        or key not in outer
        or layer.out_features != outer[key].shape[0]
    ]
    if not inner or wrong:
        what = f"layer '{wrong[0]}' is not in this network in that shape" if wrong else "it names no layer"
        raise CheckpointError(f"{place} is no adapter of this {generator.family} model: {what}.")
    reads_image = getattr(network.config, "image_dim", None) is not None  # pyright: ignore[reportAttributeAccessIssue]
    if not has_card and reads_image and not any("add_k_proj" in key for key in inner):
        raise CheckpointError(
            f"{place} changes no layer that reads the image, so it was trained on a text-to-video model; this is an "
            f"image-to-video model. If it was trained on this one, put the {CARD_NAME} of its training beside it."
        )
    return len(inner)


def _peft() -> Any:
    try:
        return importlib.import_module("peft")
    except ImportError as error:
        raise ConfigError(
            f"adapters need peft ({error}); install it: pip install -c constraints.txt 'worldsim[models]'."
        ) from error
