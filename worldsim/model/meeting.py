"""Two things that push each other where they touch: impacts on the paths along which pictures are carried."""

import math

import torch
from jaxtyping import Float
from torch.nn import functional as F

from worldsim.model.carry import LEAST, Carry, CarryConfig, Law, Paths, Sizes, Velocities, centres

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


class Meeting(Carry):
    """Pictures of two things, carried along paths that impacts bend.

    What differs from the ground, each picture's median, belongs to one of the two by what is learned of the direction
    in which it differs: the rim of a thing, where a pixel is ground in part, differs as the thing does, by less.
    """

    def __init__(self, channels: int, config: CarryConfig) -> None:
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


def make_carry(channels: int, config: CarryConfig) -> Carry:
    """Return what a config names: things that go their ways, or two that meet."""
    return Meeting(channels, config) if config.meet else Carry(channels, config)


def _ground(frames: Float[torch.Tensor, "b t c h w"]) -> Float[torch.Tensor, "b t c 1 1"]:
    return frames.flatten(-2).median(-1).values[..., None, None]
