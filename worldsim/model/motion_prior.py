"""Two things that push each other where they touch: impacts on the paths along which pictures are carried."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from physics_data.core.config import StrictModel
from worldsim.diffusion import over_latents, v_from_balanced

Latents = Float[torch.Tensor, "b c t h w"]
Paths = Float[torch.Tensor, "b t k 2"]
Read = Float[torch.Tensor, "b read k 2"]
Velocities = Float[torch.Tensor, "b k 2"]
Sizes = Float[torch.Tensor, "b k"]

LEAST = 1e-6
"""Weight of a place that no thing is at, so that a picture without a thing has a place: its middle."""

_ACCELERATION = 0.02
"""Unit of the learned acceleration, half pictures per frame squared: a step of the optimiser must not outrun a ball."""

REACH = 3
"""Last given frames that are read: two velocities."""


class MotionPriorConfig(StrictModel):
    """Conditioning frames moved along paths that are read from them, as a first guess of the video.

    bodies:    bodies that may move each in its own way
    hidden:    channels of the network that weighs a place by its content
    spread:    how far the guess is off, in standard deviations of the latents; scales what the transformer adds
    collision: two bodies that push each other where they touch, before a background of one colour; see
               ``TwoBodyCollision``
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"carriers": "bodies", "meet": "collision"}

    bodies: Annotated[int, Field(ge=1)] = 1
    hidden: Annotated[int, Field(ge=1)] = 16
    spread: Annotated[float, Field(gt=0)] = 0.2
    collision: bool = False

    @model_validator(mode="after")
    def _two_meet(self) -> "MotionPriorConfig":
        if self.collision and self.bodies != 2:
            raise ValueError(f"collision is for two bodies, bodies is {self.bodies}; write bodies: 2")
        return self


class Reading(NamedTuple):
    """What pointing finds in frames.

    places:  (across, down), -1 to 1 from edge to edge
    areas:   mean weight of all places; less where a thing has left the picture in part
    sizes:   share of the picture that a thing fills, if each of its places weighs as much as the one that weighs most
    """

    places: Paths
    areas: Float[torch.Tensor, "b t k"]
    sizes: Float[torch.Tensor, "b t k"]


class Law(nn.Module):
    """How a few things go on: one learned recursion of the last two velocities, u' = a u + b u_before + c.

    It starts at a = b = 1/4, c = 0: things that slow down by half. Inertia and gravity are what training finds.
    """

    def __init__(self, things: int) -> None:
        super().__init__()
        self.inertia = nn.Parameter(torch.full((2, things), 0.25))
        self.acceleration = nn.Parameter(torch.zeros(things, 2))

    def forward(
        self, seen: Read, sizes: Sizes, num_known: Int64[torch.Tensor, "b"], num_steps: int
    ) -> Float[torch.Tensor, "b steps k 2"]:
        """Return where things are in the next frames.

        Args:
            seen: where they are in the last frames that are read
            sizes: share of the picture that each fills
            num_known: how many of these frames are known; with two there is one velocity, with one there is none and
                everything stays
        """
        before, now = (seen[:, 1:] - seen[:, :-1]).unbind(1)
        before = torch.where((num_known == REACH - 1)[:, None, None], now, before)
        moving = (num_known > 1)[:, None, None]
        kept, kept_before = self.inertia[:, :, None]
        place, ahead = seen[:, -1], []
        for _ in range(num_steps):
            before, now = now, kept * now + kept_before * before + _ACCELERATION * self.acceleration * moving
            place, change = self.step(place, now, sizes)
            before, now = before + change, now + change
            ahead.append(place)
        return torch.stack(ahead, dim=1) if ahead else seen[:, :0]

    def step(self, places: Velocities, steps: Velocities, sizes: Sizes) -> tuple[Velocities, Velocities]:
        """Return where a step leads, and how it changes velocities."""
        return places + steps, torch.zeros_like(steps)


class MotionPrior(nn.Module):
    """The last given frame, moved on along the paths of a few things.

    Of each thing, the place in a frame is the mean of all places, weighed by what a small network gives for the content
    of a place where that is above 0: the ground can weigh nothing at all, which a softmax cannot say and which would
    shorten every path. A path goes on by a learned ``law``. The picture is moved along each path, and its weights with
    it; where things overlap, the larger one wins.

    Pictures teach how to read them. They do not teach the law: moved pictures that do not overlap the true ones say
    nothing of where to go. The law learns from the places that are read in all frames of the clips of training, see
    ``losses.paths``.

    Latent positions must be pixels or nearly so: a picture of large blocks cannot be moved by a part of one.

    Source: Finn et al. (2016), Deep spatial autoencoders for visuomotor learning (places as weighed means, there by a
    softmax); Finn, Goodfellow and Levine (2016), Unsupervised learning for physical interaction through video
    prediction (a picture moved in a few ways, and masks).
    """

    def __init__(self, channels: int, config: MotionPriorConfig) -> None:
        super().__init__()
        self.config = config
        self.content = nn.Linear(channels, config.hidden)
        self.weigh = nn.Linear(config.hidden, config.bodies)
        self.law = Law(config.bodies)
        with torch.no_grad():  # all places weigh the same at first: data decides which is thing, which is ground
            self.weigh.weight.mul_(0.001)
            self.weigh.bias.fill_(1.0)

    def forward(self, latents: Latents, t: Float[torch.Tensor, "b t"]) -> Latents:
        """Return the guess: given frames as they are, the others carried there from the last given one.

        Frames are given if they and all before them have t = 0. With one given frame nothing moves; with none, the
        guess is the mean of the data, 0. No gradient reaches the law.
        """
        num_known = (t == 0).cumprod(1).sum(1).long()
        frames = latents.movedim(1, 2)
        last = torch.stack([_picked(frames, num_known - back, 1)[:, 0] for back in range(REACH, 0, -1)], dim=1)
        (seen, _, sizes), picture = self.read(last), last[:, -1]
        constants = {name: constant.detach() for name, constant in self.law.named_parameters()}
        ahead = functional_call(self.law, constants, (seen, sizes[:, -1].detach(), num_known, latents.shape[2] - 1))
        moves = torch.cat([seen[:, -1:], ahead], dim=1) - seen[:, -1:]
        carried = since(num_known, taught_by_near_frames(self._carried(picture, moves))).movedim(1, 2)
        carried = carried * (num_known > 0)[:, None, None, None, None]
        is_given = torch.arange(latents.shape[2], device=t.device) < num_known[:, None]
        return torch.where(is_given[:, None, :, None, None], latents, carried)

    def weights(self, frames: Float[torch.Tensor, "b t c h w"]) -> Float[torch.Tensor, "b t k h w"]:
        """Return how much each place counts for each thing, by its content alone; below 0 it does not."""
        return self.weigh(F.silu(self.content(frames.movedim(2, -1)))).movedim(-1, 2)

    def read(self, frames: Float[torch.Tensor, "b t c h w"]) -> Reading:
        """Return where each thing is in each frame, and how much of it there is."""
        weight = F.relu(self.weights(frames)) + LEAST
        share = weight / weight.sum((-2, -1), keepdim=True)
        across, down = (centres(length, frames) for length in (frames.shape[-1], frames.shape[-2]))
        places = torch.stack([share.sum(-2) @ across, share.sum(-1) @ down], dim=-1)
        areas = weight.mean((-2, -1))
        return Reading(places, areas, areas / weight.amax((-2, -1)))

    def _carried(self, picture: Float[torch.Tensor, "b c h w"], moves: Paths) -> Float[torch.Tensor, "b t c h w"]:
        """Return a picture moved along the paths; beyond its edges it goes on as at them."""
        batch, frames, things = moves.shape[:3]
        height, width = picture.shape[-2:]
        here = torch.stack(torch.meshgrid(centres(width, picture), centres(height, picture), indexing="xy"), dim=-1)
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


def taught_by_near_frames(moved: Float[torch.Tensor, "b t c h w"]) -> Float[torch.Tensor, "b t c h w"]:
    """Return moved pictures as they are, whose gradient in frame k is divided by k².

    Where a wrong path has led a thing away from where it is, least is lost by a reading that leads it out of sight.
    Undivided, far frames outvote the near ones, which know better.
    """
    ahead = torch.arange(moved.shape[1], device=moved.device, dtype=moved.dtype).clamp_min(1)
    share = ahead[:, None, None, None].pow(-2)
    return torch.where(share < 1, share * moved + (1 - share) * moved.detach(), moved)


def since(
    num_known: Int64[torch.Tensor, "b"], ahead: Float[torch.Tensor, "b t *rest"]
) -> Float[torch.Tensor, "b t *rest"]:
    """Return for each frame what is counted from the last given one; up to it, its own."""
    steps = torch.arange(ahead.shape[1], device=ahead.device) - num_known[:, None] + 1
    return ahead[torch.arange(len(ahead), device=ahead.device)[:, None], steps.clamp(0, ahead.shape[1] - 1)]


def _picked(
    frames: Float[torch.Tensor, "b t c h w"], first: Int64[torch.Tensor, "b"], count: int
) -> Float[torch.Tensor, "b count c h w"]:
    """Return some frames of each sample; those before the first frame are the first."""
    index = (first[:, None] + torch.arange(count, device=frames.device)).clamp(0, frames.shape[1] - 1)
    return frames.gather(1, index[:, :, None, None, None].expand(-1, -1, *frames.shape[2:]))


def centres(length: int, like: torch.Tensor) -> Float[torch.Tensor, "length"]:
    """Return the places of ``length`` positions between -1 and 1."""
    return (torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) * (2 / length) - 1


_TOLD_APART = 3.0
"""How much larger the first weights are than usual: two things that begin alike stay alike."""

_FAINT = 1e-3
"""A smaller difference from the ground has no direction, standard deviations of the latents."""


class Impacts(Law):
    """Two things that go on, and push each other where they touch.

    Where the distance of two things is ``reach`` times the sum of their radii, taken for discs, and they approach,
    their velocities change along the line between them by 1 + ``restitution`` times the velocity of approach, shared so
    that the one of size A beside the one of size B takes B^p / (A^p + B^p) of it, p = ``heaviness``. So momentum is
    kept if a mass is A^p; p begins at 0, which takes all things for equally heavy, the reach at half of what is seen,
    the restitution at -1/2. At -1 things pass through each other, at 1 they lose no energy. The impact may happen at
    any time within a step. Where it is linear in velocity, so is this: twice the speeds give twice the speeds.
    """

    def __init__(self) -> None:
        super().__init__(2)
        self.restitution = torch.nn.Parameter(torch.tensor(-0.5))
        self.reach = torch.nn.Parameter(torch.tensor(0.5))
        self.heaviness = torch.nn.Parameter(torch.tensor(0.0))

    def step(self, places: Velocities, steps: Velocities, sizes: Sizes) -> tuple[Velocities, Velocities]:
        """Return where a step leads, and how an impact in it changes velocities."""
        change, rest = self.impact(places, steps, sizes)
        return places + steps + rest[:, None, None] * change, change

    def impact(
        self, places: Float[torch.Tensor, "b 2 2"], steps: Velocities, sizes: Sizes
    ) -> tuple[Velocities, Float[torch.Tensor, "b"]]:
        """Return how velocities change in a step, and the share of the step that is left after it (0 = no impact).

        Units:
            places, steps:  half pictures, half pictures per frame
            sizes:          share of the picture
        """
        across, approach = places[:, 1] - places[:, 0], steps[:, 1] - steps[:, 0]
        touching = self.reach * 2 * (sizes / math.pi).sqrt().sum(1)
        speed_squared, along = approach.square().sum(-1), (across * approach).sum(-1)
        root_squared = along.square() - speed_squared * (across.square().sum(-1) - touching.square())
        can_meet = (along < 0) & (root_squared > 0) & (speed_squared > LEAST**2)
        time = (-along - torch.where(can_meet, root_squared, 1.0).sqrt()) / torch.where(can_meet, speed_squared, 1.0)
        met = can_meet & (time < 1)
        time = torch.where(met, time, 1.0).clamp_min(0)  # what overlaps already is pushed at once
        line = F.normalize(across + time[:, None] * approach, dim=-1, eps=LEAST)
        push = met * (1 + self.restitution) * (approach * line).sum(-1)
        first = (self.heaviness * (sizes[:, 1] / sizes[:, 0]).log()).sigmoid()
        change = torch.stack([first * push, -(1 - first) * push], dim=1)[:, :, None] * line[:, None]
        return change, 1 - time


class TwoBodyCollision(MotionPrior):
    """Pictures of two things, carried along paths that impacts bend.

    What differs from the ground, each picture's median, belongs to one of the two by what is learned of the direction
    in which it differs: the rim of a thing, where a pixel is ground in part, differs as the thing does, by less.
    """

    def __init__(self, channels: int, config: MotionPriorConfig) -> None:
        super().__init__(channels, config)
        self.law = Impacts()
        self.weigh.reset_parameters()
        with torch.no_grad():
            self.weigh.weight.mul_(_TOLD_APART)

    def weights(self, frames: Float[torch.Tensor, "b t c h w"]) -> Float[torch.Tensor, "b t k h w"]:
        """Return how much of each place is of each thing: 0 on the ground."""
        off = frames - _ground(frames)
        return (off.square().sum(2, keepdim=True) + LEAST**2).sqrt() * self._shares(off)

    def _shares(self, off: Float[torch.Tensor, "b t c h w"]) -> Float[torch.Tensor, "b t k h w"]:
        return super().weights(F.normalize(off, dim=2, eps=_FAINT)).softmax(2)

    def _carried(self, picture: Float[torch.Tensor, "b c h w"], moves: Paths) -> Float[torch.Tensor, "b t c h w"]:
        """Return the ground and, moved along the paths, what differs from it."""
        frames, (height, width) = moves.shape[1], picture.shape[-2:]
        here = torch.stack(torch.meshgrid(centres(width, picture), centres(height, picture), indexing="xy"), dim=-1)
        ground = _ground(picture[:, None])
        off, made = picture[:, None] - ground, ground
        shares = self._shares(off)
        for thing in range(moves.shape[2]):
            source = (off * shares[:, :, thing, None]).expand(-1, frames, -1, -1, -1)
            grid = here - moves[:, :, thing, None, None]
            moved = F.grid_sample(source.flatten(0, 1), grid.flatten(0, 1), align_corners=False)
            made = made + moved.unflatten(0, (-1, frames))
        return made


def make_motion_prior(channels: int, config: MotionPriorConfig) -> MotionPrior:
    """Return what a config names: independent bodies, or two that collide."""
    return TwoBodyCollision(channels, config) if config.collision else MotionPrior(channels, config)


def _ground(frames: Float[torch.Tensor, "b t c h w"]) -> Float[torch.Tensor, "b t c 1 1"]:
    return frames.flatten(-2).median(-1).values[..., None, None]
