"""Scalars, features of other text encoders, and the ways to compute one and the same thing."""

from dataclasses import replace

import pytest
import torch

from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError, DataError
from tests.worldsim.model.test_causal_and_cache import conditioning, stirred, video
from worldsim.model import DiT, DiTConfig
from worldsim.model.conditioning import Scalars
from worldsim.model.model_config import ScalarConfig

SCALARS = (ScalarConfig(name="gravity", size=3), ScalarConfig(name="camera", size=2, per_frame=True))
CONFIG = DiTConfig(latent_channels=4, depth=2, width=48, num_heads=2, text_buckets=32, scalars=SCALARS)
T = torch.full((2, 5), 0.4, dtype=torch.float64)


def gravity(value: float, present: bool = True) -> dict[str, Scalars]:
    values = torch.full((2, 1, 3), value, dtype=torch.float64)
    return {"gravity": Scalars(values, torch.full((2, 1), present))}


@torch.no_grad()
def test_unknown_is_not_zero() -> None:
    dit = stirred(CONFIG)
    nothing, zero, ten = (dit(video(), T, conditioning(scalars=given)) for given in ({}, gravity(0.0), gravity(10.0)))
    assert (nothing - zero).abs().max() > 1e-4 and (zero - ten).abs().max() > 1e-4
    assert torch.equal(nothing, dit(video(), T, conditioning(scalars=gravity(10.0, present=False))))
    assert torch.equal(nothing, dit(video(), T, conditioning(scalars=gravity(float("nan"), present=False))))


@torch.no_grad()
def test_scalars_of_a_frame_act_in_that_frame_of_a_causal_transformer() -> None:
    dit = stirred(CONFIG.model_copy(update={"causal": True}))
    values = torch.zeros(2, 5, 2, dtype=torch.float64)
    moved = values.clone()
    moved[:, 3] = 1.0
    outputs = [
        dit(video(), T, conditioning(scalars={"camera": Scalars(v, torch.ones(2, 5, dtype=torch.bool))}))
        for v in (values, moved)
    ]
    torch.testing.assert_close(outputs[0][:, :, :3], outputs[1][:, :, :3], atol=1e-12, rtol=0)
    assert (outputs[0] - outputs[1])[:, :, 3].abs().max() > 1e-4


def test_new_scalars_leave_a_trained_transformer_as_it_was() -> None:
    torch.manual_seed(0)
    without = DiT(CONFIG.model_copy(update={"scalars": ()}))
    with_scalars = DiT(CONFIG)
    new = with_scalars.load_state_dict(without.state_dict(), strict=False)
    assert all("scalars" in name for name in new.missing_keys) and not new.unexpected_keys
    given = {"gravity": Scalars(torch.ones(2, 1, 3), torch.ones(2, 1, dtype=torch.bool))}
    plain = conditioning()
    known = replace(plain, frame_rate=plain.frame_rate.float())
    arguments = (video().float(), T.float())
    made = with_scalars(*arguments, replace(known, scalars=given))
    torch.testing.assert_close(without(*arguments, known), made)


def test_wrong_scalars_are_refused() -> None:
    dit = DiT(CONFIG).double()
    with pytest.raises(DataError, match="no scalars 'gravty'.*gravity"):
        dit(video(), T, conditioning(scalars={"gravty": gravity(1.0)["gravity"]}))
    with pytest.raises(DataError, match="has 3 values, the transformer takes 2"):
        dit(video(), T, conditioning(scalars={"camera": gravity(1.0)["gravity"]}))
    with pytest.raises(ConfigError, match="different names"):
        validate_config(DiTConfig, {"scalars": [{"name": "a", "size": 1}, {"name": "a", "size": 2}]}, source="test")


@torch.no_grad()
def test_features_of_another_encoder_are_read() -> None:
    dit = stirred(CONFIG.model_copy(update={"text_width": 12}))
    known = conditioning()
    features = torch.randn(2, 3, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    one, other = (
        dit(video(), T, replace(known, text={**known.text, "ids": given})) for given in (features, features.flip(0))
    )
    assert (one - other).abs().max() > 1e-4
    assert torch.equal(
        *(
            dit(video(), T, replace(known, text={**known.text, "ids": given}).without_prompt())
            for given in (features, features.flip(0))
        )
    )


def test_computing_blocks_again_gives_the_same_gradient() -> None:
    gradients = []
    for again in (False, True):
        dit = stirred(CONFIG).train()
        dit.recomputes = again
        dit(video(), T, conditioning(scalars=gravity(9.8))).square().mean().backward()
        gradients.append([weight.grad for weight in dit.parameters() if weight.grad is not None])
    assert len(gradients[0]) == len(gradients[1])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-9)
