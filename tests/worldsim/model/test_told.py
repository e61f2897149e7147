"""Numbers, features of other text encoders, and the ways to compute one and the same thing."""

import pytest
import torch

from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError, DataError
from tests.worldsim.model.test_causal_and_cache import stirred, told, video
from worldsim.model import DiT, DiTConfig
from worldsim.model.conditioning import Told
from worldsim.model.config import NumbersConfig

NUMBERS = (NumbersConfig(name="gravity", size=3), NumbersConfig(name="camera", size=2, per_frame=True))
CONFIG = DiTConfig(latent_channels=4, depth=2, width=48, num_heads=2, text_buckets=32, numbers=NUMBERS)
T = torch.full((2, 5), 0.4, dtype=torch.float64)


def gravity(value: float, present: bool = True) -> dict[str, Told]:
    values = torch.full((2, 1, 3), value, dtype=torch.float64)
    return {"gravity": Told(values, torch.full((2, 1), present))}


@torch.no_grad()
def test_unknown_is_not_zero() -> None:
    dit = stirred(CONFIG)
    nothing, zero, ten = (dit(video(), T, *told(), given) for given in ({}, gravity(0.0), gravity(10.0)))
    assert (nothing - zero).abs().max() > 1e-4 and (zero - ten).abs().max() > 1e-4
    assert torch.equal(nothing, dit(video(), T, *told(), gravity(10.0, present=False)))
    assert torch.equal(nothing, dit(video(), T, *told(), gravity(float("nan"), present=False)))


@torch.no_grad()
def test_numbers_of_a_frame_act_in_that_frame_of_a_causal_transformer() -> None:
    dit = stirred(CONFIG.model_copy(update={"causal": True}))
    values = torch.zeros(2, 5, 2, dtype=torch.float64)
    moved = values.clone()
    moved[:, 3] = 1.0
    outputs = [
        dit(video(), T, *told(), {"camera": Told(v, torch.ones(2, 5, dtype=torch.bool))}) for v in (values, moved)
    ]
    torch.testing.assert_close(outputs[0][:, :, :3], outputs[1][:, :, :3], atol=1e-12, rtol=0)
    assert (outputs[0] - outputs[1])[:, :, 3].abs().max() > 1e-4


def test_new_numbers_leave_a_trained_transformer_as_it_was() -> None:
    torch.manual_seed(0)
    without = DiT(CONFIG.model_copy(update={"numbers": ()}))
    with_numbers = DiT(CONFIG)
    new = with_numbers.load_state_dict(without.state_dict(), strict=False)
    assert all("numbers" in name for name in new.missing_keys) and not new.unexpected_keys
    given = {"gravity": Told(torch.ones(2, 1, 3), torch.ones(2, 1, dtype=torch.bool))}
    ids, mask, domain, rate = told()
    arguments = (video().float(), T.float(), ids, mask, domain, rate.float())
    torch.testing.assert_close(without(*arguments), with_numbers(*arguments, given))


def test_wrong_numbers_are_refused() -> None:
    dit = DiT(CONFIG).double()
    with pytest.raises(DataError, match="no numbers 'gravty'.*gravity"):
        dit(video(), T, *told(), {"gravty": gravity(1.0)["gravity"]})
    with pytest.raises(DataError, match="has 3 values, the transformer takes 2"):
        dit(video(), T, *told(), {"camera": gravity(1.0)["gravity"]})
    with pytest.raises(ConfigError, match="different names"):
        validate_config(DiTConfig, {"numbers": [{"name": "a", "size": 1}, {"name": "a", "size": 2}]}, source="test")


@torch.no_grad()
def test_features_of_another_encoder_are_read() -> None:
    dit = stirred(CONFIG.model_copy(update={"text_width": 12}))
    _, mask, domain, rate = told()
    features = torch.randn(2, 3, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    one, other = (dit(video(), T, given, mask, domain, rate) for given in (features, features.flip(0)))
    assert (one - other).abs().max() > 1e-4
    hidden = torch.zeros_like(mask)
    assert torch.equal(*(dit(video(), T, given, hidden, domain, rate) for given in (features, features.flip(0))))


def test_computing_blocks_again_gives_the_same_gradient() -> None:
    gradients = []
    for again in (False, True):
        dit = stirred(CONFIG).train()
        dit.recomputes = again
        dit(video(), T, *told(), gravity(9.8)).square().mean().backward()
        gradients.append([weight.grad for weight in dit.parameters() if weight.grad is not None])
    assert len(gradients[0]) == len(gradients[1])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-9)
