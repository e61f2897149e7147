"""How a motion prior learns its law: its paths against the places that are read in the clips it is trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float

from worldsim.losses.loss import WHOLE_BATCH, RankShard
from worldsim.model.motion_prior import REACH, MotionPrior, Paths

_WHOLE = 0.97
"""Least share of the largest area that a thing shows in a clip, where all of it is in view."""

_EXACT = 1e-3
"""Half pictures per frame; smaller errors of velocity count by their square, larger ones as they are."""

_SMOOTH = 0.01
"""Half pictures per frame squared; what bends by more than this beside its usual bend was pushed."""


def path_error(motion_prior: MotionPrior, latents: Float[torch.Tensor, "b c t h w"]) -> Float[torch.Tensor, "b"]:
    """Return the mean error of predicted places over the frames since they were last seen: of mean velocities.

    From any three frames in which all things are wholly in view and nothing happens to them, to all later ones in which
    a thing is. The paths of a clip are as many as its frames, so an impact is near in some and far away in
    others, and teaches from the first step on. Distance grows with error as far as one likes, which that of moved
    pictures does not: they either overlap or say nothing. Three frames that show an impact have no velocity to read.

    The gradient reaches the law alone. How places are read is for pictures to teach: things without places are easily
    predicted.

    Units:
        half pictures per frame
    """
    num_frames = latents.shape[2]
    num_steps = num_frames - REACH
    if num_steps < 1:
        return latents.new_zeros(len(latents))
    with torch.no_grad():
        places, areas, sizes = motion_prior.read(latents.movedim(1, 2))
    index = torch.arange(num_steps, device=latents.device)[:, None] + torch.arange(num_frames, device=latents.device)
    known = index < num_frames
    index = index.clamp_max(num_frames - 1)
    later = wholly_in_view(areas)[:, index] & known[:, :, None]
    starts = later[:, :, :REACH].all((2, 3)) & smooth(places)[:, :num_steps]
    counts = later[:, :, REACH:] & starts[:, :, None, None]
    paths, filled = places[:, index].flatten(0, 1), sizes[:, index[:, REACH - 1]].flatten(0, 1)
    given = torch.full((len(paths),), REACH, device=latents.device)
    error = _mean_velocity(motion_prior.law(paths[:, :REACH], filled, given, num_steps) - paths[:, REACH:])
    error = (error.square().sum(-1) + _EXACT**2).sqrt() - _EXACT
    error = error.unflatten(0, (len(latents), -1)) * counts
    return error.sum((1, 2, 3)) / counts.sum((1, 2, 3)).clamp_min(1)


def wholly_in_view(areas: Float[torch.Tensor, "b t k"]) -> Bool[torch.Tensor, "b t k"]:
    """Return where a thing fills as much of the picture as it ever does in its clip."""
    return areas > _WHOLE * areas.amax(1, keepdim=True)


def smooth(places: Paths) -> Bool[torch.Tensor, "b starts"]:
    """Return where three frames begin in which all things bend as they usually do in their clip, gravity included."""
    bends = places[:, 2:] - 2 * places[:, 1:-1] + places[:, :-2]
    return ((bends - bends.median(1, keepdim=True).values).norm(dim=-1) < _SMOOTH).all(-1)


def with_paths(
    losses: Mapping[str, torch.Tensor],
    motion_prior: MotionPrior,
    latents: Sequence[Float[torch.Tensor, "c _t _h _w"]] | Float[torch.Tensor, "b c t h w"],
    shard: RankShard = WHOLE_BATCH,
) -> dict[str, Any]:
    """Return losses with the error of paths added to "loss", and as "paths".

    It has no weight to choose: no other loss reaches the law, and it reaches nothing else.
    """
    if isinstance(latents, torch.Tensor):
        errors = path_error(motion_prior, shard.rows(latents))
    else:
        errors = torch.cat([path_error(motion_prior, one[None]) for one in shard.items(latents)])
    error = errors.sum() * (shard.count / len(latents))
    return {**losses, "loss": losses["loss"] + error, "paths": error}


def _mean_velocity(moved: Paths) -> Paths:
    """Return what was moved since the start of paths over the frames that it took."""
    return moved / torch.arange(1, moved.shape[1] + 1, device=moved.device, dtype=moved.dtype)[:, None, None]
