"""A transformer with carried pictures learns their law beside the denoising loss."""

from dataclasses import replace

import torch
from rich.progress import Progress

from tests.worldsim.training.conftest import Configure
from worldsim.losses.paths import path_error
from worldsim.training.latent_store import LatentBatch
from worldsim.training.tasks.dit_task import DiTTask

MODEL = {"latent_channels": 4, "depth": 1, "width": 32, "num_heads": 2, "text_buckets": 64}


def test_the_error_of_paths_is_added_and_reaches_the_law(configure: Configure) -> None:
    torch.manual_seed(0)
    found = {}
    for name, motion_prior in (("plain", None), ("carried", {"bodies": 1})):
        task = DiTTask(configure(name, model={**MODEL, "motion_prior": motion_prior}), torch.device("cpu"))
        with Progress(disable=True) as progress:
            task.prepare(progress)
        batch = task.batch(0)
        assert isinstance(batch, LatentBatch)
        longer = torch.randn(4, 4, 6, 4, 4, generator=torch.Generator().manual_seed(0))
        found[name] = (
            task,
            task.loss(task.dit, replace(batch, latents=longer), torch.Generator().manual_seed(0)),
            longer,
        )
    assert set(found["plain"][1]) == {"loss"}
    task, losses, latents = found["carried"]
    assert task.dit.motion_prior is not None
    torch.testing.assert_close(losses["paths"], path_error(task.dit.motion_prior, latents).mean())
    losses["loss"].backward()
    law = task.dit.motion_prior.law
    with_pictures = [constant.grad.clone() for constant in law.parameters() if constant.grad is not None]
    law.zero_grad()
    path_error(task.dit.motion_prior, latents).mean().backward()
    alone = [constant.grad for constant in law.parameters() if constant.grad is not None]
    assert len(alone) == 2
    torch.testing.assert_close(with_pictures, alone)
