"""Fine-tuning: weights and vocabulary of an earlier model, and the weights that training changes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

from physics_data.core.errors import CheckpointError, ConfigError
from worldsim.cards import load_tensors, read_card
from worldsim.config import DiTTrainConfig
from worldsim.data.sources import ClipSource, ShardSource
from worldsim.probes.probes import Probes
from worldsim.prompt import TextEncoder, WordTokenizer
from worldsim.prompt.tokenizer import vocabulary_of
from worldsim.training.processes import is_sharded, local, placed_like, reshard
from worldsim.weights import MODEL_FORMAT, model_folder, vocabulary_of_model


@dataclass(frozen=True)
class Taken:
    """Which weights a fine-tuning run got from where.

    taken:     names of those of the old model
    copied:    names of weights of experts, each a copy of the feed-forward layer that the old model has in their place
    new:       names of those that the old model does not have: they start fresh
    resized:   names with another shape there and here: they start fresh too
    unused:    names of the old model that have no place here
    """

    taken: tuple[str, ...]
    copied: tuple[str, ...]
    new: tuple[str, ...]
    resized: tuple[str, ...]
    unused: tuple[str, ...]

    def lines(self, folder: Path) -> list[str]:
        """Return in words what was taken and what was not, every name of the latter."""
        said = [f"{len(self.taken)} weights are those of {folder}"]
        if self.copied:
            said.append(
                f"{len(self.copied)} of experts are copies of its feed-forward layers: {', '.join(self.copied)}"
            )
        for what, names in (("new", self.new), ("of another shape, so new", self.resized), ("not used", self.unused)):
            if names:
                said.append(f"{len(names)} are {what}: {', '.join(names)}")
        return said


_OF_EXPERT = re.compile(r"\.feed_forward\.(experts\.\d+|detail|layout)\.")


def start_from(model: nn.Module, weights: Path) -> Taken:
    """Copy the weights that fit, by name and shape, and say which do not.

    Where the old model has one feed-forward layer and this one has experts, each expert starts as a copy of that layer.

    Raises:
        CheckpointError: the file is missing or damaged, or nothing in it fits.

    Source: Komatsuzaki et al. (2022), Sparse upcycling: training mixture-of-experts from dense checkpoints.
    """
    old, own = load_tensors(weights), model.state_dict()
    origin = {name: name if name in old else _OF_EXPERT.sub(".feed_forward.", name) for name in own}
    fitting = [name for name, before in origin.items() if before in old and old[before].shape == own[name].shape]
    if not fitting:
        raise CheckpointError(f"no weight of {weights} fits this model; is it of another kind?")
    with torch.no_grad():
        for name in fitting:
            own[name].copy_(old[origin[name]])
    used = set(origin.values())
    return Taken(
        taken=tuple(name for name in fitting if origin[name] == name),
        copied=tuple(name for name in fitting if origin[name] != name),
        new=tuple(name for name, before in origin.items() if before not in old),
        resized=tuple(name for name, before in origin.items() if before in old and name not in fitting),
        unused=tuple(name for name in old if name not in used),
    )


_SHOWN = 8


def build_tokenizer(config: DiTTrainConfig, sources: Sequence[ClipSource]) -> TextEncoder:
    """Return the reader of a run's captions.

    Words get their ids by the vocabulary of the captions, after that of the model to start from, whose words keep
    their ids. An adapter trains no embedding, so its captions add no word. Clips made on the fly do not tell their
    captions ahead: words are hashed then.

    Raises:
        ConfigError: a pretrained encoder has another width than the config says.
        CheckpointError: no model to start from.
    """
    if config.tokenizer.encoder is not None:
        encoder = config.tokenizer.build()
        if encoder.feature_width != config.model.text_width:
            raise ConfigError(
                f"model.text_width is {config.model.text_width}, the features of {config.tokenizer.encoder} have "
                f"{encoder.feature_width} channels; write {encoder.feature_width}."
            )
        return encoder
    before: dict[str, Any] = {"vocabulary": (), "hashed": False}
    if config.start_from is not None:
        folder = model_folder(config.start_from)
        card = read_card(folder, MODEL_FORMAT, needs=("tokenizer",))
        if card["tokenizer"].get("num_buckets") == config.tokenizer.num_buckets:
            before = vocabulary_of_model(folder)
    stored = [source for source in sources if isinstance(source, ShardSource)]
    if before["vocabulary"] is None or len(stored) < len(sources):
        return config.tokenizer.build()
    captions = [] if config.lora is not None else [row.caption for source in stored for row in source.rows]
    return config.tokenizer.build(vocabulary_of(captions, before["vocabulary"]), hashed=before["hashed"])


def describe_words(tokenizer: TextEncoder, prompts: Sequence[str], sources: Sequence[ClipSource]) -> list[str]:
    """Return in sentences how many words are known, which share an id, and which are left out."""
    if not isinstance(tokenizer, WordTokenizer):
        return []
    if tokenizer.vocabulary is None:
        return ["words: hashed, since the vocabulary is not known; two words may share an id"]
    said = [f"words: {len(tokenizer.vocabulary)} different ones are known"]
    alike = [word for group in tokenizer.collisions(tokenizer.vocabulary) for word in sorted(group)]
    if alike:
        said.append(
            f"words: {len(alike)} share an id with another and are not told apart ({_listed(alike)}); "
            f"tokenizer.num_buckets and model.text_buckets of {len(tokenizer.vocabulary) + 1} hold all in a new model"
        )
    captions = [row.caption for source in sources if isinstance(source, ShardSource) for row in source.rows]
    for where, texts in (("samples.prompts", prompts), ("captions", captions)):
        if words := tokenizer.unknown(texts):
            said.append(f"words: {len(words)} in {where} are not known and are left out ({_listed(words)})")
    return said


def facts_of(tokenizer: TextEncoder) -> dict[str, Any]:
    """Return what a model's card holds of its vocabulary: the words in the order of their ids."""
    if not isinstance(tokenizer, WordTokenizer) or tokenizer.vocabulary is None:
        return {}
    ids = "hashed" if tokenizer.hashed else "assigned"
    return {"vocabulary": {"words": list(tokenizer.vocabulary), "ids": ids}}


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:_SHOWN]) + (", ..." if len(words) > _SHOWN else "")


class TrainedWeights(nn.Module):
    """The weights that training changes, shared with the networks that hold them.

    The loop averages, stores and exports these alone; the frozen base is neither copied nor stored.
    """

    def __init__(self, networks: Mapping[str, nn.Module], probes: Probes | None = None) -> None:
        """Take all weights of the networks that have gradients, and the probes that losses read with."""
        super().__init__()
        self.probes = probes
        self.take(networks)

    def take(self, networks: Mapping[str, nn.Module]) -> None:
        """Take the weights that the networks hold now, e.g. after they were shared out to processes."""
        for name, network in networks.items():
            for key, weight in network.named_parameters():
                if weight.requires_grad:
                    self.register_parameter(_registered(name, key), weight)

    def place_like(self, other: "TrainedWeights") -> None:
        """Share out whole weights as those of another are."""
        for name, weight in other.named_parameters():
            if is_sharded([weight]):
                own = placed_like(self.get_parameter(name).data, weight)
                self.register_parameter(name, nn.Parameter(own, requires_grad=False))

    @contextmanager
    def holding(self, other: "TrainedWeights") -> Iterator[None]:
        """Let the networks have other weights (the averaged ones) meanwhile, shared out alike."""
        own = dict(self.named_parameters())
        kept = {} if other is self else {name: local(weight.data).clone() for name, weight in own.items()}
        try:
            if kept:
                for name, weight in other.named_parameters():
                    local(own[name].data).copy_(local(weight.data))
            yield
        finally:
            for name, value in kept.items():
                local(own[name].data).copy_(value)


@contextmanager
def put_together(networks: Mapping[str, nn.Module], weights: TrainedWeights) -> Iterator[None]:
    """Let sharded networks be plain ones that hold whole trained weights meanwhile, to be saved; they cannot be called.

    Frozen weights stay shared out.
    """
    reshard(networks.values())
    whole, kept, classes = dict(weights.named_parameters()), [], []
    for name, network in networks.items():
        for path, module in network.named_modules():
            for key, weight in list(module.named_parameters(recurse=False)):
                full = whole.get(_registered(name, f"{path}.{key}" if path else key))
                if full is not None:
                    kept.append((module, key, weight))
                    module._parameters[key] = full  # pyright: ignore[reportArgumentType]
            if isinstance(module, FSDPModule):
                classes.append((module, type(module)))
                module.__class__ = type(module).__mro__[2]  # FSDPModule is put before the module's own class
    try:
        yield
    finally:
        for module, key, weight in kept:
            module._parameters[key] = weight
        for module, found in classes:
            module.__class__ = found


def _registered(network: str, key: str) -> str:
    return f"{network}/{key}".replace(".", "/")
