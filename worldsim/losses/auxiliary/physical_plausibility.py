"""The states read from a predicted clip are those of the engine and obey the laws of motion."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator

from worldsim.data.latent_labels import LatentLabels
from worldsim.losses.auxiliary.auxiliary_loss import AuxiliaryTerm, Prediction, excess, mean_where
from worldsim.losses.loss import Scalar
from worldsim.probes import Probes, frozen
from worldsim.probes.state_probe import Readings, StateProbe, by_video_frame, misread, readable

SPAN = 4
"""Video frames over which changes are taken: those of one are smaller than what a probe errs by."""

_SPEED, _LENGTH = 1.0, 0.1
"""What counts as a residual of 1: m/s, and m. Energies per mass count in the square of the speed."""


@dataclass(frozen=True)
class Moves:
    """States in the world. Axes: n objects, f video frames. position: m; velocity: m/s."""

    position: Float[torch.Tensor, "b n f 3"]
    velocity: Float[torch.Tensor, "b n f 3"]


class PlausibilityTerm(AuxiliaryTerm):
    """Settings of ``physical_plausibility``; a term with factor 0 is not computed.

    state_factor:  of the distance between the states read from the prediction and the engine's
    law_factor:    of the residuals of the laws of motion
    """

    state_factor: Annotated[float, Field(ge=0)] = 1.0
    law_factor: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _has_a_term(self) -> "PlausibilityTerm":
        if not self.state_factor and not self.law_factor:
            raise ValueError("state_factor and law_factor are both 0; leave the loss out, or give one of them a value")
        return self


class PhysicalPlausibility:
    """Agreement with the engine's states plus residuals of the laws of motion.

    A probe that learns on true clips reads position, distance, velocity and contact of each object in each video frame.
    The state term compares the reading of the prediction with the engine's states. The law term compares the readings
    with each other: a falling object gains g, whatever its height; the engine only says which law holds for which
    object when. Both count by how much the prediction is worse than the true latents, read by the same probe.
    """

    needs: ClassVar[tuple[str, ...]] = ("masks", "states")
    probes: ClassVar[tuple[str, ...]] = ("states",)
    source: ClassVar[str] = (
        "reading states with small heads: Alain and Bengio (2017); Newton's laws as residuals: Raissi et al. (2019), "
        "Physics-informed neural networks; of states read from latents: this project"
    )
    settings: ClassVar[type[AuxiliaryTerm]] = PlausibilityTerm

    def __init__(self, term: PlausibilityTerm) -> None:
        self.term = term

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        """Return ``state_factor`` times the state term plus ``law_factor`` times the law term."""
        prediction = prediction.within(self.term.max_noise)
        if not prediction.known(self.needs).any():
            return prediction.nothing
        probe, shares = probes.of(StateProbe), prediction.labels["seen_share"]
        true, read = (frozen(probe, x, prediction.true, shares) for x in (prediction.true, prediction.clean))
        total = prediction.nothing
        if self.term.state_factor:
            total = total + self.term.state_factor * self._state_term(prediction, true, read, probe.temporal_factor)
        if self.term.law_factor:
            total = total + self.term.law_factor * self._law_term(prediction, true, read, probe.temporal_factor)
        return total

    def _state_term(self, prediction: Prediction, true: Readings, read: Readings, temporal_factor: int) -> Scalar:
        """Return the mean over objects and the video frames in which they are seen, in units of ``STATE_UNITS``."""
        labels, known = prediction.labels, prediction.known(self.needs)
        wrong = excess(misread(read, labels), misread(true, labels))
        trust = by_video_frame(prediction.trust(self.term.max_noise), temporal_factor)
        return mean_where(wrong, (trust * known[:, None])[:, None] * readable(labels))

    def _law_term(self, prediction: Prediction, true: Readings, read: Readings, temporal_factor: int) -> Scalar:
        """Return the sum over laws of the means over where each of them holds."""
        labels = prediction.labels
        of_truth, of_prediction = (residuals(in_world(one, labels), labels) for one in (true, read))
        trust = by_video_frame(prediction.reliability(self.term.max_noise), temporal_factor)
        made = by_video_frame(prediction.level > 0, temporal_factor)
        total = prediction.nothing
        for name, (values, holds) in of_prediction.items():
            across = trust.shape[1] - values.shape[-1]
            ends = torch.minimum(trust[:, across:], trust[:, : values.shape[-1]])
            weight = ends * (made[:, across:] | made[:, : values.shape[-1]])
            weight = weight.view(len(weight), *[1] * (values.ndim - 2), -1)
            total = total + mean_where(excess(values, of_truth[name][0]), weight * holds)
        return total


def in_world(read: Readings, labels: LatentLabels) -> Moves:
    """Return what was read in the camera's frame as places and velocities in the world."""
    poses = labels["world_from_camera"]
    distance = read.states[..., 2].clamp(-3, 6).exp()
    across = (read.states[..., :2] - 0.5) * 2 * labels["tangent"][:, None, None] * distance[..., None]
    local = torch.cat([across, distance[..., None]], -1)
    position = torch.einsum("bfij,bnfj->bnfi", poses[..., :3, :3], local) + poses[:, None, :, :3, 3]
    return Moves(position, torch.einsum("bfij,bnfj->bnfi", poses[..., :3, :3], read.states[..., 3:]))


def residuals(
    moves: Moves, labels: LatentLabels
) -> dict[str, tuple[Float[torch.Tensor, "b *k p"], Bool[torch.Tensor, "b *k p"]]]:
    """Return law → by how much it is broken, >= 0, and where it holds; the last axis starts at the earlier frame.

    fall:      free for ``SPAN`` frames: the velocity changes by g times the time
    path:      free for as long: the place changes by the mean velocity times the time
    energy:    quiet for as long: v²/2 - g x grows by no more than the engine's does
    momentum:  two meet: the horizontal momentum of both stays, up to what friction with the ground may take
    rest:      at rest, the velocity is 0
    solid:     no object is in a plane or in another object
    """
    seen = readable(labels)
    gravity, seconds = labels["gravity"][:, None, None], labels["seconds"][:, None, None]
    position, velocity = moves.position, moves.velocity
    found = {}
    span = min(SPAN, velocity.shape[2] - 1)
    both = seen[:, :, span:] & seen[:, :, :-span]
    change = velocity[:, :, span:] - velocity[:, :, :-span]
    mean = 0.5 * (velocity[:, :, span:] + velocity[:, :, :-span])
    moved = position[:, :, span:] - position[:, :, :-span]
    free = both & _throughout(labels["free"], span)
    found["fall"] = (_length(change - gravity * seconds * span) / _SPEED, free)
    found["path"] = (_length(moved - mean * seconds * span) / (_SPEED * seconds[..., 0] * span), free)
    energy = 0.5 * velocity.square().sum(-1) - (position * gravity).sum(-1)
    allowed = labels["energy_growth"].unfold(2, span, 1).sum(-1)
    growth = (energy[:, :, span:] - energy[:, :, :-span] - allowed).clamp_min(0)
    found["energy"] = (growth / _SPEED**2, both & _throughout(labels["quiet"], span))
    next_to = seen[:, :, 1:] & seen[:, :, :-1]
    found["momentum"] = _momentum(velocity, labels, next_to)
    still = torch.maximum(_length(velocity[:, :, 1:]), _length(velocity[:, :, :-1]))
    found["rest"] = (still / _SPEED, next_to & labels["resting"])
    found["solid"] = _solid(position, labels, seen)
    return found


def _momentum(
    velocity: Float[torch.Tensor, "b n f 3"], labels: LatentLabels, seen: Bool[torch.Tensor, "b n p"]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what is missing of the horizontal momentum of pairs, in units of speed of their common mass."""
    mass, rubbing = labels["mass"], labels["rubbing"]
    gained = mass[..., None, None] * (velocity[:, :, 1:] - velocity[:, :, :-1])
    both = gained[:, :, None] + gained[:, None]
    down = torch.nn.functional.normalize(labels["gravity"], dim=-1)[:, None, None, None]
    level = both - (both * down).sum(-1, keepdim=True) * down
    missing = (_length(level) - rubbing[:, :, None] - rubbing[:, None]).clamp_min(0)
    common = (mass[:, :, None] + mass[:, None])[..., None].clamp_min(1e-6)
    return missing / common / _SPEED, labels["meeting"] & seen[:, :, None] & seen[:, None]


def _solid(
    position: Float[torch.Tensor, "b n f 3"], labels: LatentLabels, seen: Bool[torch.Tensor, "b n f"]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how deep objects are in planes, and in each other."""
    radius = labels["inner_radius"]
    planes = labels["ground"]
    above = torch.einsum("bnfi,bgi->bngf", position, planes[..., :3]) - planes[..., 3][:, None, :, None]
    exists = planes[..., :3].square().sum(-1) > 0.5
    sunk = ((radius[..., None, None] - above).clamp_min(0) * exists[:, None, :, None]).sum(2)
    apart = _length(position[:, :, None] - position[:, None])
    solid = (radius[:, :, None] > 0) & (radius[:, None] > 0)
    other = solid & ~torch.eye(radius.shape[1], dtype=torch.bool, device=radius.device)
    overlap = (radius[:, :, None] + radius[:, None])[..., None] - apart
    shared = (overlap.clamp_min(0) * (other[..., None] & seen[:, :, None] & seen[:, None])).sum(2)
    return (sunk + shared) / _LENGTH, seen & (radius > 0)[..., None]


def _throughout(holds: Bool[torch.Tensor, "b n p"], span: int) -> Bool[torch.Tensor, "b n q"]:
    """Return whether something holds in ``span`` intervals on end, by the first of them."""
    return holds.unfold(2, span, 1).all(-1)


def _length(vectors: Float[torch.Tensor, "*s 3"]) -> Float[torch.Tensor, "*s"]:
    """Return lengths whose gradient is finite at 0."""
    return (vectors.square().sum(-1) + 1e-12).sqrt()
