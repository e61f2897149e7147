"""What training a public model takes, from its configs alone: parameters, tokens, memory, FLOPs. No weight is read.

The networks are built on the meta device and called once there. FLOPs are those of torch's counter, 2 for a multiply
and add. Activations are the storages that autograd keeps, without the matrices of attention, which fused kernels do not
keep. It is a count, not a measurement: fragmentation and the workspaces of libraries come on top.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from worldsim.families.adapters import AdapterSettings, add_adapter
from worldsim.families.diffusers_generator import DiffusersGenerator
from worldsim.families.folder import PipelineFolder
from worldsim.generator import FAMILIES
from worldsim.model.conditioning import Conditioning

GIB = 2**30
CARDS_GB = (24, 48, 80, 141)
"""Memory of common accelerators, in 10^9 bytes."""


@dataclass(frozen=True)
class Plan:
    """What a training run takes.

    parameters, trained:   counts
    tokens:                of one clip
    weights, gradients, optimizer, average: bytes; average: of the averaged weights
    kept, checkpointed:    bytes of activations, and with blocks computed again; None = the network does not run on the
                           meta device
    recompute:             whether blocks are computed again
    forward_flop, step_flop: of one clip, of one step; None likewise
    encoders:              bytes of what encodes clips and captions before training
    """

    family: str
    parameters: dict[str, int]
    trained: int
    tokens: int
    weights: int
    gradients: int
    optimizer: int
    average: int
    kept: int | None
    checkpointed: int | None
    recompute: bool
    forward_flop: int | None
    step_flop: int | None
    encoders: dict[str, int]

    @property
    def activations(self) -> int | None:
        """Bytes of activations in a step."""
        return self.checkpointed if self.recompute else self.kept

    @property
    def total(self) -> int | None:
        """Bytes in a training step."""
        if self.activations is None:
            return None
        return self.weights + self.gradients + self.optimizer + self.average + self.activations

    def lines(self) -> list[str]:
        """Say it in a few lines."""
        sizes = ", ".join(f"{name} {count:,}" for name, count in self.parameters.items())
        encoders = ", ".join(f"{name} {size / GIB:.2f}" for name, size in self.encoders.items())
        found = [
            f"{self.family}: parameters {sizes}; trained {self.trained:,}",
            f"{self.tokens:,} tokens a clip",
            f"memory, GiB: weights {self.weights / GIB:.2f}, gradients {self.gradients / GIB:.2f}, optimizer "
            f"{self.optimizer / GIB:.2f}, averaged weights {self.average / GIB:.2f}, activations "
            + ("not counted" if self.activations is None else f"{self.activations / GIB:.2f}"),
            f"while clips are encoded, beside the weights, GiB: {encoders}",
        ]
        if self.total is None or self.forward_flop is None or self.step_flop is None:
            return [*found, f"{self.family} does not run on the meta device: activations and FLOPs are not counted"]
        fits = [f"{size} GB" for size in CARDS_GB if self.total < 0.92 * size * 1e9]
        return [
            *found,
            f"activations with hardware.recompute: {(self.checkpointed or 0) / GIB:.2f} GiB, without "
            f"{(self.kept or 0) / GIB:.2f} GiB",
            f"FLOPs: {self.forward_flop / 1e12:.3g} TFLOP forward a clip, {self.step_flop / 1e12:.3g} TFLOP a step",
            f"in all {self.total / GIB:.2f} GiB; fits in {', '.join(fits) if fits else 'none of 24 to 141 GB'} "
            "(8 % left free)",
        ]


def plan_training(
    folder: Path,
    num_frames: int,
    height: int,
    width: int,
    *,
    batch_size: int = 1,
    adapter: AdapterSettings | None = None,
    dtype: torch.dtype = torch.float32,
    compute: torch.dtype | None = None,
    recompute: bool = False,
    averages: int = 1,
    optimizer: str = "adamw",
) -> Plan:
    """Plan a training run.

    Args:
        folder: diffusers folder; its configs are enough
        num_frames, height, width: of the clips
        batch_size: clips of a step
        adapter: None trains all weights
        dtype: of the frozen weights
        compute: of activations; None = ``dtype``
        recompute: blocks are computed again in the backward pass
        averages: averaged copies of the trained weights
        optimizer: a name of ``OptimizerConfig``

    Raises:
        CheckpointError: no diffusers folder, or one of an unknown family.
        ConfigError: no layer matches the adapter.
        DataError: the family takes no such clip.
    """
    opened = PipelineFolder.open(folder)
    member: Any = FAMILIES.get(opened.pipeline)
    generator: DiffusersGenerator = member(opened, dtype=dtype, device=torch.device("meta"))
    shape = generator.latent_shape(num_frames, height, width)
    parameters = {name: _count(network.parameters()) for name, network in generator.networks.items()}
    if adapter is None:
        generator.network.requires_grad_(True)
        for network in generator.networks.values():
            network.requires_grad_(True)
    else:
        add_adapter(generator, adapter)
    weights = [weight for network in generator.networks.values() for weight in network.parameters()]
    trained = sum(weight.numel() for weight in weights if weight.requires_grad)
    kept, checkpointed, flop = None, None, None
    if generator.runs_on_meta:
        kept, checkpointed, flop = _one_forward(generator, shape, compute or dtype)
        kept, checkpointed = kept * batch_size, checkpointed * batch_size
    passes = (2 if adapter is not None else 3) + recompute
    return Plan(
        family=generator.family,
        parameters=parameters,
        trained=trained,
        tokens=generator.num_tokens(shape),
        weights=sum(weight.numel() * weight.element_size() for weight in weights),
        gradients=4 * trained,
        optimizer=optimizer_bytes([weight.shape for weight in weights if weight.requires_grad], optimizer),
        average=4 * trained * averages,
        kept=kept,
        checkpointed=checkpointed,
        recompute=recompute,
        forward_flop=flop,
        step_flop=None if flop is None else flop * passes * batch_size,
        encoders=_encoders(generator, opened, dtype),
    )


_SMALL, _BLOCK = 4096, 256


def optimizer_bytes(shapes: Iterable[torch.Size], name: str) -> int:
    """Return bytes of an optimiser's state: two moments of 4 bytes, one for matrices of ``muon``.

    With 8 bits: 1 byte and a scale of 4 for each block of 256 values, and 4 bytes in weights of less than 4096 values.
    """
    total = 0
    for shape in shapes:
        count = math.prod(shape)
        if name.endswith("8bit") and count >= _SMALL:
            total += 2 * (count + 4 * -(-count // _BLOCK))
        else:
            total += 4 * count if name == "muon" and len(shape) >= 2 else 8 * count
    return total


def _encoders(generator: DiffusersGenerator, folder: PipelineFolder, dtype: torch.dtype) -> dict[str, int]:
    """Return bytes of the VAE and of the text and image encoders."""
    found = {}
    for name in ("vae", *generator.text_parts, "image_encoder"):
        if name not in folder.components or "tokenizer" in name:
            continue
        size = torch.empty((), dtype=torch.float32 if name == "vae" else dtype).element_size()
        found[name] = size * _count(folder.on_meta(name).parameters())
    return found


def _one_forward(generator: DiffusersGenerator, shape: tuple[int, ...], compute: torch.dtype) -> tuple[int, int, int]:
    """Return bytes that autograd keeps of one clip, the same with blocks computed again, and FLOPs of one forward.

    With checkpoints, the arguments of all blocks are kept, what lies outside of them, and what one block keeps.
    """
    x_t = torch.empty(1, *shape, device="meta")
    text, image = generator.placeholders(shape)
    rate = torch.tensor([generator.default_frame_rate])
    conditioning = Conditioning.of(text, rate, frames=image)
    network = generator.network.to(compute)
    own = {weight.untyped_storage()._cdata for weight in network.parameters()}
    blocks = max((part for part in network.modules() if isinstance(part, nn.ModuleList)), key=len)
    storages: dict[int, torch.UntypedStorage] = {}
    users: dict[int, set[int]] = {}
    inside = [-1]
    arguments: dict[int, torch.UntypedStorage] = {}

    def enter(number: int, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        inside[0] = number
        for one in tree_leaves((given, named)):
            if isinstance(one, torch.Tensor):
                arguments[one.untyped_storage()._cdata] = one.untyped_storage()

    hooks = [
        hook
        for number, block in enumerate(blocks)
        for hook in (
            block.register_forward_pre_hook(
                lambda _, given, named, number=number: enter(number, given, named), with_kwargs=True
            ),
            block.register_forward_hook(lambda *_: inside.__setitem__(0, -1)),
        )
    ]
    tokens = generator.num_tokens(shape)
    texts = generator.max_text_tokens
    lengths = {tokens + texts} if generator.joins_text else {tokens, texts, *(one.shape[2] for one in image.values())}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        is_attention = tensor.ndim >= 3 and tensor.shape[-2] >= tokens and tensor.shape[-1] in lengths
        storage = tensor.untyped_storage()
        if storage._cdata not in own and not is_attention:
            storages[storage._cdata] = storage
            users.setdefault(storage._cdata, set()).add(inside[0])
        return tensor

    with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        generator.call(network, x_t, torch.tensor([0.5], dtype=torch.float64), conditioning)
    for hook in hooks:
        hook.remove()
    kept = sum(storage.nbytes() for storage in storages.values())
    alone = {key for key, number in users.items() if len(number) == 1 and -1 not in number}
    in_one_block = sum(storages[key].nbytes() for key in alone)
    inputs = sum(
        one.nbytes() for key, one in arguments.items() if key not in own and (key in alone or key not in users)
    )
    return kept, kept - in_one_block + inputs + in_one_block // len(blocks), counter.get_total_flops()


def _count(weights: Iterable[torch.Tensor]) -> int:
    return sum(weight.numel() for weight in weights)
