"""The probes of a run, and reading with them without training them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, TypeVar, cast

import torch
from jaxtyping import Float
from pydantic import Field
from torch import nn
from torch.func import functional_call

from physics_data.core.config import StrictModel
from physics_data.core.errors import CheckpointError, ConfigError, Registry
from worldsim.cards import load_tensors, save_tensors
from worldsim.data.latent_labels import LatentLabels

Latents = Float[torch.Tensor, "b c t h w"]
Shares = Float[torch.Tensor, "b n t h w"]
Scalar = Float[torch.Tensor, ""]


@dataclass(frozen=True)
class LatentSpace:
    """What probes read.

    channels:         of latents
    temporal_factor:  video frames in a latent frame, apart from the first
    """

    channels: int
    temporal_factor: int


class Probe(Protocol):
    """A head that is trained on true latents.

    needs:  groups of labels (``latent_labels.GROUPS``)
    """

    needs: ClassVar[tuple[str, ...]]

    def loss(self, latents: Latents, labels: LatentLabels) -> Scalar:
        """Return how badly it reads true latents; called where at least one clip has the labels."""
        ...


class ProbesConfig(StrictModel):
    """Probes beside a transformer.

    width:       channels
    max_noise:  probes are trained on true latents with noise of a standard deviation from 0 to this, so that they read
                 what is nearly clean, too
    every:       they learn from every so many-th clip of a batch, beginning with another one in each step
    start_from:  run folder whose probes (``probes.safetensors``) these start from; None starts anew
    frozen:      never train them; needs ``start_from``
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"most_noise": "max_noise"}

    width: Annotated[int, Field(ge=8)] = 32
    max_noise: Annotated[float, Field(ge=0)] = 0.3
    every: Annotated[int, Field(ge=1)] = 2
    start_from: Path | None = None
    frozen: bool = False


PROBES: Registry[nn.Module] = Registry(
    "probe",
    {
        "objects": "worldsim.probes.object_probes:ObjectEncoder",
        "presence": "worldsim.probes.object_probes:PresenceProbe",
        "attributes": "worldsim.probes.object_probes:AttributeReader",
        "states": "worldsim.probes.state_probe:StateProbe",
    },
)
"""Names by which losses ask for probes. Each is built from a ``LatentSpace`` and a width."""

FILE_NAME = "probes.safetensors"

P = TypeVar("P", bound=nn.Module)


class Probes(nn.Module):
    """Those probes that a run's losses need."""

    def __init__(self, names: Iterable[str], space: LatentSpace, config: ProbesConfig) -> None:
        """Build them.

        Raises:
            CheckpointError: ``config.start_from`` has no fitting weights.
            ConfigError: frozen probes that were never trained.
            UnknownNameError: no such probe.
        """
        super().__init__()
        self.config = config
        built: dict[str, Any] = {name: PROBES.get(name) for name in sorted(set(names))}
        self.members = nn.ModuleDict({name: build(space, config.width) for name, build in built.items()})
        if config.start_from is not None:
            self._load(config.start_from / FILE_NAME)
        if config.frozen:
            if config.start_from is None:
                raise ConfigError("probes.frozen without probes.start_from freezes random weights; name a run.")
            self.members.requires_grad_(False)

    def of(self, kind: type[P]) -> P:
        """Return the probe of a class."""
        found = [member for member in self.members.values() if isinstance(member, kind)]
        if not found:
            raise ConfigError(
                f"there is no {kind.__name__} here; add its name to ``probes`` of the loss that reads it."
            )
        return found[0]

    def losses(self, latents: Latents, labels: LatentLabels) -> dict[str, Scalar]:
        """Return ``probe_NAME`` → how badly a probe reads true latents; 0 where no clip has its labels."""
        if self.config.frozen:
            return {}
        zero, members = latents.new_zeros(()), cast(dict[str, Probe], dict(self.members.items()))
        return {
            f"probe_{name}": member.loss(latents, labels) if _has_any(labels, member.needs) else zero
            for name, member in members.items()
        }

    def save(self, folder: Path) -> None:
        """Write the weights into a folder."""
        save_tensors(folder / FILE_NAME, self.state_dict())

    def _load(self, path: Path) -> None:
        if not path.is_file():
            raise CheckpointError(f"no probes in {path}; give the folder of a run with the same auxiliary losses.")
        stored = load_tensors(path)
        own = self.state_dict()
        wrong = [name for name, value in own.items() if name not in stored or stored[name].shape != value.shape]
        if wrong:
            raise CheckpointError(
                f"{path} has no fitting weights for {', '.join(wrong[:3])}{' ...' if len(wrong) > 3 else ''}; give "
                "probes of the same width, VAE and losses."
            )
        self.load_state_dict({name: stored[name] for name in own})


def frozen(module: nn.Module, *inputs: torch.Tensor) -> Any:
    """Return what a module gives, with gradients for the inputs and none for its weights."""
    return functional_call(module, {name: weight.detach() for name, weight in module.named_parameters()}, inputs)


def _has_any(labels: LatentLabels, groups: tuple[str, ...]) -> bool:
    return labels.has(groups) and bool(labels.known(groups).any())
