"""Where the given frames lead if things go on: pictures carried along paths that are read from them.

A picture is read by pointing: every place is weighed by its content alone, and the mean of the places, so weighed, is
where a thing is. Each frame is read by itself, so speed plays no part in the reading, and what is done with the
readings is linear: a speed that no training clip had is read and continued like any other. The transformer is left with
what this does not explain.
"""

from typing import Annotated

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from physics_data.core.config import StrictModel
from worldsim.diffusion import over_latents, v_from_balanced

Latents = Float[torch.Tensor, "b c t h w"]
Paths = Float[torch.Tensor, "b t k 2"]
Read = Float[torch.Tensor, "b read k 2"]

_LEAST = 1e-6
"""Weight of a place that no thing is at, so that a picture without a thing has a place: its middle."""

_ACCELERATION = 0.02
"""Unit of the learned acceleration, half pictures per frame squared: a step of the optimiser must not outrun a ball."""

_REACH = 3
"""Last given frames that are read: two velocities."""


class CarryConfig(StrictModel):
    """Pictures carried along paths, as a first guess of what is to be made.

    carriers:  things that may move each in its own way
    hidden:    channels of the network that weighs a place by its content
    spread:    how far the guess is off, in standard deviations of the latents; scales what the transformer adds
    """

    carriers: Annotated[int, Field(ge=1)] = 1
    hidden: Annotated[int, Field(ge=1)] = 16
    spread: Annotated[float, Field(gt=0)] = 0.2


class Carry(nn.Module):
    """The last given frame, moved on along the paths of a few things.

    Of each thing, the place in a frame is the mean of all places, weighed by what a small network gives for the content
    of a place where that is above 0: the ground can weigh nothing at all, which a softmax cannot say and which would
    shorten every path. A path goes on by one learned recursion of the last two velocities, u' = a u + b u_before + c,
    which starts at a = b = 1/4, c = 0: a thing that slows down by half. Inertia and gravity are what training finds.
    The picture is moved along each path, and its weights with it; where things overlap, the larger one wins.

    Latent positions must be pixels or nearly so: a picture of large blocks cannot be moved by a part of one.

    Source: Finn et al. (2016), Deep spatial autoencoders for visuomotor learning (places as weighed means, there by a
    softmax); Finn, Goodfellow and Levine (2016), Unsupervised learning for physical interaction through video
    prediction (a picture moved in a few ways, and masks).
    """

    def __init__(self, channels: int, config: CarryConfig) -> None:
        super().__init__()
        self.config = config
        self.content = nn.Linear(channels, config.hidden)
        self.weigh = nn.Linear(config.hidden, config.carriers)
        self.inertia = nn.Parameter(torch.full((2, config.carriers), 0.25))
        self.acceleration = nn.Parameter(torch.zeros(config.carriers, 2))
        with torch.no_grad():  # all places weigh the same at first: data decides which is thing, which is ground
            self.weigh.weight.mul_(0.001)
            self.weigh.bias.fill_(1.0)

    def forward(self, latents: Latents, t: Float[torch.Tensor, "b t"]) -> Latents:
        """Return the guess: given frames as they are, the others carried there from the last given one.

        Frames are given if they and all before them have t = 0. With one given frame nothing moves; with none, the
        guess is the mean of the data, 0.
        """
        num_given = (t == 0).cumprod(1).sum(1).long()
        frames = latents.movedim(1, 2)
        last = _picked(frames, num_given - 1, 1)[:, 0]
        read = torch.stack([_picked(frames, num_given - back, 1)[:, 0] for back in range(_REACH, 0, -1)], dim=1)
        places = self.places(read)
        moves = self._moves(places, num_given, latents.shape[2])
        carried = self._carried(last, moves).movedim(1, 2)
        carried = carried * (num_given > 0)[:, None, None, None, None]
        is_given = torch.arange(latents.shape[2], device=t.device) < num_given[:, None]
        return torch.where(is_given[:, None, :, None, None], latents, carried)

    def weights(self, frames: Float[torch.Tensor, "b t c h w"]) -> Float[torch.Tensor, "b t k h w"]:
        """Return how much each place counts for each thing, by its content alone; below 0 it does not."""
        return self.weigh(F.silu(self.content(frames.movedim(2, -1)))).movedim(-1, 2)

    def places(self, frames: Float[torch.Tensor, "b t c h w"]) -> Paths:
        """Return where each thing is in each frame: (across, down), -1 to 1 from edge to edge."""
        weight = F.relu(self.weights(frames)) + _LEAST
        share = weight / weight.sum((-2, -1), keepdim=True)
        across, down = (_centres(length, frames) for length in (frames.shape[-1], frames.shape[-2]))
        return torch.stack([share.sum(-2) @ across, share.sum(-1) @ down], dim=-1)

    def _moves(self, places: Read, num_given: Int64[torch.Tensor, "b"], num_frames: int) -> Paths:
        """Return how far each thing has moved since the last given frame; 0 up to it."""
        before, now = (places[:, 1:] - places[:, :-1]).unbind(1)
        before = torch.where((num_given == _REACH - 1)[:, None, None], now, before)
        moving = (num_given > 1)[:, None, None]
        kept, kept_before = self.inertia[:, :, None]
        ahead = [torch.zeros_like(now)]
        for _ in range(num_frames - 1):
            before, now = now, kept * now + kept_before * before + _ACCELERATION * self.acceleration * moving
            ahead.append(ahead[-1] + now)
        steps = torch.arange(num_frames, device=places.device) - num_given[:, None] + 1
        index = steps.clamp(0, num_frames - 1)[:, :, None, None].expand(-1, -1, *now.shape[1:])
        return torch.stack(ahead, dim=1).gather(1, index)

    def _carried(self, picture: Float[torch.Tensor, "b c h w"], moves: Paths) -> Float[torch.Tensor, "b t c h w"]:
        """Return a picture moved along the paths; beyond its edges it goes on as at them."""
        batch, frames, things = moves.shape[:3]
        height, width = picture.shape[-2:]
        here = torch.stack(torch.meshgrid(_centres(width, picture), _centres(height, picture), indexing="xy"), dim=-1)
        weight = self.weights(picture[:, None])[:, 0]
        layers = []
        for thing in range(things):
            source = torch.cat([picture, weight[:, thing, None]], dim=1)[:, None].expand(-1, frames, -1, -1, -1)
            grid = here - moves[:, :, thing, None, None]
            moved = F.grid_sample(source.flatten(0, 1), grid.flatten(0, 1), padding_mode="border", align_corners=False)
            layers.append(moved.unflatten(0, (batch, frames)))
        stacked = torch.stack(layers, dim=2)
        share = stacked[:, :, :, -1:].softmax(2)
        return (stacked[:, :, :, :-1] * share).sum(2)


def v_beside(guess: Latents, x_t: Latents, output: Latents, t: Float[torch.Tensor, "b t"], spread: float) -> Latents:
    """Return the v of a network whose output says what a guess of x0 lacks, in units of ``spread``.

    x_t - (1 - t) guess lies on the straight path between noise and what is lacking, x0 - guess, and v of x_t is that of
    this path minus the guess.
    """
    lacking = x_t - (1 - over_latents(t)) * guess
    return v_from_balanced(lacking, output, t, spread=spread) - guess


def _picked(
    frames: Float[torch.Tensor, "b t c h w"], first: Int64[torch.Tensor, "b"], count: int
) -> Float[torch.Tensor, "b count c h w"]:
    """Return some frames of each sample; those before the first frame are the first."""
    index = (first[:, None] + torch.arange(count, device=frames.device)).clamp(0, frames.shape[1] - 1)
    return frames.gather(1, index[:, :, None, None, None].expand(-1, -1, *frames.shape[2:]))


def _centres(length: int, like: torch.Tensor) -> Float[torch.Tensor, "length"]:
    """Return the places of ``length`` positions between -1 and 1."""
    return (torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) * (2 / length) - 1
