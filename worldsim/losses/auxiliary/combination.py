"""The auxiliary losses of a run, added to the denoising loss of a step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import nn

from physics_data.core.errors import ConfigError
from worldsim.data.latent_labels import GROUPS, LatentLabels
from worldsim.losses.auxiliary import AUXILIARY
from worldsim.losses.auxiliary.auxiliary_loss import AuxiliaryLoss, AuxiliaryTerm, Prediction
from worldsim.losses.loss import WHOLE_BATCH, RankShard, Scalar
from worldsim.probes import PROBES, Probes

PROBE_SCALE = 0.01
"""Factor of the losses of probes. Steps of Adam and of Muon do not depend on it; the length at which gradients are
clipped does, and probes shall not decide how far the transformer may go."""

_LARGEST_BALANCE = 1e4
"""Largest factor that balancing by gradients gives: what hardly has a gradient has little left to say."""


class AuxiliaryLosses:
    """The losses that a config names, with their schedules."""

    def __init__(self, terms: Mapping[str, AuxiliaryTerm]) -> None:
        """Build them.

        Raises:
            UnknownNameError: no such loss.
        """
        self.terms = dict(terms)
        self.members: dict[str, AuxiliaryLoss] = {name: AUXILIARY.get(name)(term) for name, term in terms.items()}

    @property
    def probes(self) -> tuple[str, ...]:
        """The names of the probes that the losses read with."""
        return tuple(sorted({name for loss in self.members.values() for name in loss.probes}))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of labels that losses and their probes need."""
        kinds: list[Any] = [PROBES.get(name) for name in self.probes]
        needs = [loss.needs for loss in self.members.values()] + [kind.needs for kind in kinds]
        found = {group for groups in needs for group in groups}
        return tuple(group for group in GROUPS if group in found)


@dataclass(frozen=True)
class AuxiliaryStep:
    """The auxiliary losses of one step.

    labels:  of the whole batch, of ``num_clips`` clips
    """

    losses: AuxiliaryLosses
    probes: Probes
    labels: LatentLabels
    num_clips: int
    step: int

    def add_to(
        self,
        denoising: Scalar,
        v_pred: Float[torch.Tensor, "b c t h w"],
        prediction: Prediction,
        generator: torch.Generator,
        shard: RankShard = WHOLE_BATCH,
    ) -> dict[str, Scalar]:
        """Return the sum as "loss", and each part: "denoising", "NAME" raw, "NAME_weighted", "probe_NAME".

        Each process takes means over its own shard of the batch.

        Args:
            denoising: the denoising loss, computed from ``v_pred``
            v_pred: with respect to which gradients are balanced
            prediction: what losses judge, of this shard of the batch
            generator: for the noise of probes; drawn from after everything else
            shard: which samples of the batch ``prediction`` holds
        """
        noisy = self._with_little_noise(prediction.true, generator, shard)
        learned = (self.step % self.probes.config.every, self.probes.config.every)
        total, parts = denoising, {"denoising": denoising}
        for name, loss in self.losses.members.items():
            term = self.losses.terms[name]
            share = term.share(self.step)
            with torch.set_grad_enabled(share > 0):
                raw = loss(prediction, self.probes)
            weight = term.weight * share
            if term.by_gradient and share > 0:
                weight = weight * _balance(name, denoising, raw, v_pred)
            parts |= {name: raw, f"{name}_weighted": weight * raw}
            total = total + weight * raw
        for name, wrong in self.probes.losses(
            noisy[learned[0] :: learned[1]], prediction.labels.rows(*learned)
        ).items():
            parts[name] = wrong
            total = total + PROBE_SCALE * wrong
        return {"loss": total, **parts}

    def _with_little_noise(
        self, latents: Float[torch.Tensor, "b c t h w"], generator: torch.Generator, shard: RankShard
    ) -> Float[torch.Tensor, "b c t h w"]:
        """Return latents as probes learn to read them; noise is drawn for the whole batch in every process."""
        options: Any = {"generator": generator, "device": latents.device, "dtype": latents.dtype}
        noise = shard.rows(torch.randn((self.num_clips, *latents.shape[1:]), **options))
        amount = shard.rows(torch.rand(self.num_clips, **options)) * self.probes.config.max_noise
        return latents + amount.view(-1, 1, 1, 1, 1) * noise


def _balance(name: str, denoising: Scalar, raw: Scalar, v_pred: torch.Tensor) -> Scalar:
    """Return how much longer the gradient of the denoising loss is than that of an auxiliary one."""
    if not raw.requires_grad:
        return torch.zeros_like(denoising)
    (own,) = torch.autograd.grad(raw, v_pred, retain_graph=True, allow_unused=True)
    if own is None:
        raise ConfigError(
            f"loss.auxiliary.{name} does not look at the predicted clip, so its gradient cannot be balanced there; "
            "leave by_gradient out and choose its weight."
        )
    (base,) = torch.autograd.grad(denoising, v_pred, retain_graph=True)
    return (base.norm() / own.norm().clamp_min(1e-12)).clamp_max(_LARGEST_BALANCE)


class WithProbes(nn.Module):
    """A transformer and the probes beside it: what is trained, averaged and stored together."""

    def __init__(self, dit: Any, probes: Probes) -> None:
        super().__init__()
        self.dit: Any = dit
        self.probes = probes

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Call the transformer."""
        return self.dit(*inputs, **named)

    def num_tokens(self, latent_shape: Any) -> int:
        """Return what the transformer says."""
        return self.dit.num_tokens(latent_shape)
