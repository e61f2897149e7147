"""Low-rank adapters on a trained transformer, through peft: train few weights, switch them, merge them."""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from physics_data.core.config import StrictModel
from physics_data.core.errors import ConfigError

TARGETS = ("qkv", "out", "q", "kv", "proj_in", "proj_out")


class LoraSettings(StrictModel):
    """Which matrices get an adapter, and how large.

    rank:     columns of each of the two added matrices
    alpha:    their product counts alpha / rank
    targets:  last names of the linear layers, within the blocks
    dropout:  share of inputs hidden from an adapter in training

    Source: Hu et al. (2021), LoRA: low-rank adaptation of large language models.
    """

    rank: Annotated[int, Field(ge=1)] = 8
    alpha: Annotated[float, Field(gt=0)] = 16.0
    targets: Annotated[tuple[str, ...], Field(min_length=1)] = ("qkv", "out")
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


def add_adapter(model: nn.Module, settings: LoraSettings, name: str = "default") -> None:
    """Put an adapter that changes nothing yet into a model and freeze all other weights.

    Raises:
        ConfigError: peft is not installed, or one of ``settings.targets`` is no layer.
    """
    peft = _peft()
    wanted = [layer for layer in _linear_layers(model) if layer.rpartition(".")[2] in settings.targets]
    missing = set(settings.targets) - {layer.rpartition(".")[2] for layer in wanted}
    if missing:
        raise ConfigError(
            f"lora.targets: no layer of a block is called {', '.join(sorted(missing))}; known are {', '.join(TARGETS)}."
        )
    config = peft.LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, lora_dropout=settings.dropout, target_modules=wanted
    )
    peft.inject_adapter_in_model(config, model, adapter_name=name)
    for weight_name, weight in model.named_parameters():
        weight.requires_grad_("lora_" in weight_name and f".{name}." in weight_name)


def adapter_tensors(model: nn.Module, name: str = "default") -> dict[str, torch.Tensor]:
    """Return the weights of an adapter, by names that do not hold the adapter's own."""
    return {shared: weight.detach() for shared, weight in _weights_of(model, name).items()}


def load_adapter(model: nn.Module, settings: LoraSettings, tensors: dict[str, torch.Tensor], name: str) -> None:
    """Add a trained adapter under a name and switch to it.

    Raises:
        ConfigError: the weights are not those of such an adapter on such a model.
    """
    add_adapter(model, settings, name)
    own = _weights_of(model, name)
    differing = sorted(own.keys() ^ tensors.keys()) or [k for k, w in own.items() if w.shape != tensors[k].shape]
    if differing:
        raise ConfigError(f"the adapter does not fit: {', '.join(differing[:5])}; was it trained on another model?")
    with torch.no_grad():
        for weight_name, weight in own.items():
            weight.copy_(tensors[weight_name])
    switch_adapter(model, name)


def switch_adapter(model: nn.Module, name: str | None) -> None:
    """Compute with one of the loaded adapters, or with none."""
    for layer in _adapted(model):
        layer.enable_adapters(name is not None)
        if name is not None:
            layer.set_adapter(name)


def merge_adapter(model: nn.Module, name: str = "default") -> None:
    """Add an adapter to the weights it stands beside, for good: the model is then an ordinary one."""
    places: list[tuple[nn.Module, str, Any]] = [
        (parent, leaf, layer) for parent in model.modules() for leaf, layer in parent.named_children()
    ]
    for parent, leaf, layer in [place for place in places if _is_adapted(place[2])]:
        layer.merge(adapter_names=[name])
        setattr(parent, leaf, layer.get_base_layer())


def _weights_of(model: nn.Module, name: str) -> dict[str, nn.Parameter]:
    """Return the weights of an adapter, by names that do not hold its own."""
    weights = model.named_parameters()
    return {key.replace(f".{name}.", "."): w for key, w in weights if "lora_" in key and f".{name}." in key}


def _linear_layers(model: nn.Module) -> list[str]:
    """Return the full names of the linear layers of the blocks, those with an adapter already among them."""
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) or _is_adapted(module)]
    return [name for name in names if name.startswith("blocks.") and "lora_" not in name and "base_layer" not in name]


def _adapted(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if _is_adapted(module)]


def _is_adapted(module: nn.Module) -> bool:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return isinstance(module, BaseTunerLayer)


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise ConfigError("LoRA needs the package peft; install it with: pip install 'worldsim[finetune]'.") from error
    return peft
