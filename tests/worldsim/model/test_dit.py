import pytest
import torch

from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError, DataError, UnknownNameError
from worldsim.model import SIZES, DiT, DiTConfig, named_size
from worldsim.model.conditioning import Conditioning

CONFIG = DiTConfig(latent_channels=4, depth=2, width=48, num_heads=2, text_buckets=64)


def stirred(config: DiTConfig = CONFIG) -> DiT:
    """A transformer all of whose layers matter: at the start the gates are shut."""
    torch.manual_seed(0)
    dit = DiT(config)
    with torch.no_grad():
        for weight in dit.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return dit.eval()


def columns(batch: int = 3, grid: tuple[int, int, int] = (3, 4, 6)) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(batch, 4, *grid, generator=generator),
        torch.rand(batch, grid[0], generator=generator) * 0.8 + 0.1,
        torch.randint(1, 64, (batch, 5), generator=generator),
        torch.arange(5)[None] < torch.tensor([[5], [3], [1]])[:batch],
        torch.tensor([1, 2, 0])[:batch],
        torch.tensor([16.0, 24.0, 16.0])[:batch],
    ]


words = Conditioning.of_words


def inputs(batch: int = 3, grid: tuple[int, int, int] = (3, 4, 6)) -> tuple[torch.Tensor, torch.Tensor, Conditioning]:
    latents, t, *rest = columns(batch, grid)
    return latents, t, words(*rest)


@torch.no_grad()
@pytest.mark.parametrize("prediction", ["balanced", "x0", "v"])
def test_it_starts_by_predicting_nothing(prediction: str) -> None:
    dit = DiT(CONFIG.model_copy(update={"prediction": prediction}))
    latents, t, *rest = inputs()
    v = dit(latents, t, *rest)
    share = t[:, None, :, None, None]
    best_linear = latents * (2 * share - 1) / ((1 - share) ** 2 + share**2)
    expected = {"balanced": best_linear, "x0": latents / share, "v": torch.zeros_like(latents)}
    torch.testing.assert_close(v, expected[prediction])


@torch.no_grad()
def test_samples_do_not_see_each_other() -> None:
    dit, given = stirred(), inputs()
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        dit(*given)[order], dit(given[0][order], given[1][order], given[2].rows(order)), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(
        dit(*given)[1:2], dit(given[0][1:2], given[1][1:2], given[2].rows(slice(1, 2))), atol=1e-4, rtol=1e-4
    )


@torch.no_grad()
def test_a_dropped_prompt_is_the_same_whatever_the_words() -> None:
    dit = stirred()
    latents, t, ids, mask, domain, rate = columns()
    dropped = torch.zeros_like(mask)
    assert torch.equal(
        dit(latents, t, words(ids, dropped, domain, rate)),
        dit(latents, t, words(ids + 1, dropped, domain, rate)),
    )
    told, other = (
        dit(latents, t, words(ids, mask, domain, rate)),
        dit(latents, t, words((ids + 1) % 64, mask, domain, rate)),
    )
    assert (told - other).abs().max() > 1e-3


@torch.no_grad()
def test_words_behind_the_mask_are_not_read() -> None:
    dit = stirred()
    latents, t, ids, mask, domain, rate = columns()
    hidden = torch.where(mask, ids, (ids + 7) % 64)
    torch.testing.assert_close(
        dit(latents, t, words(ids, mask, domain, rate)),
        dit(latents, t, words(hidden, mask, domain, rate)),
        atol=1e-6,
        rtol=1e-6,
    )


@torch.no_grad()
def test_the_order_of_words_matters() -> None:
    dit = stirred()
    latents, t, ids, _, domain, rate = columns()
    mask = torch.ones_like(ids, dtype=torch.bool)
    there, back = (dit(latents, t, words(one, mask, domain, rate)) for one in (ids, ids.flip(1)))
    assert (there - back).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("which", [1, 4, 5])
def test_noise_level_domain_and_frame_rate_are_read(which: int) -> None:
    dit, given = stirred(), columns()
    changed = list(given)
    changed[which] = (given[which] + 1) % 3 if which == 4 else given[which] * 0.5
    assert (dit(*given[:2], words(*given[2:])) - dit(*changed[:2], words(*changed[2:]))).abs().max() > 1e-3


@torch.no_grad()
def test_every_latent_frame_is_modulated_by_its_own_t() -> None:
    """With attention cut off, changing t of one latent frame changes that frame only."""
    dit = stirred(CONFIG.model_copy(update={"prediction": "v"}))
    for block in dit.blocks:
        block.attention.out.weight.zero_()
    latents, t, *rest = inputs()
    other = t.clone()
    other[:, 1] = 0.0
    difference = (dit(latents, t, *rest) - dit(latents, other, *rest)).abs().amax(dim=(0, 1, 3, 4))
    assert difference[1] > 1e-3
    assert difference[[0, 2]].max() < 1e-6


@torch.no_grad()
@pytest.mark.parametrize("grid", [(1, 2, 2), (7, 4, 4), (3, 8, 2)])
def test_any_length_size_and_aspect_goes_in(grid: tuple[int, int, int]) -> None:
    given = inputs(2, grid)
    assert stirred()(*given).shape == given[0].shape


def test_what_does_not_fit_is_refused() -> None:
    latents, *rest = inputs()
    with pytest.raises(DataError, match="3 channels, this transformer takes 4"):
        stirred()(latents[:, :3], *rest)
    with pytest.raises(DataError, match="height 3 do not divide into patches of 2; the nearest that do are 2 and 4"):
        stirred()(latents[:, :, :, :3], *rest)


def test_named_sizes() -> None:
    assert {name: (size["depth"], size["width"], size["num_heads"]) for name, size in SIZES.items()} == {
        "S": (12, 384, 6),
        "B": (12, 768, 12),
        "L": (24, 1024, 16),
        "XL": (28, 1152, 16),
    }
    assert named_size("B", latent_channels=32) == DiTConfig(latent_channels=32, depth=12, width=768, num_heads=12)
    with pytest.raises(UnknownNameError, match="Did you mean 'XL'"):
        named_size("XXL")


def test_widths_that_heads_do_not_divide_are_refused() -> None:
    with pytest.raises(ConfigError, match="nearest is 192"):
        validate_config(DiTConfig, {"width": 200, "num_heads": 6}, source="test")


def test_weights_load_strictly() -> None:
    dit = stirred()
    fresh = DiT(CONFIG)
    fresh.load_state_dict(dit.state_dict())
    given = inputs()
    assert torch.equal(fresh(*given), dit(*given))
    with pytest.raises(RuntimeError, match="size mismatch"):
        DiT(CONFIG.model_copy(update={"text_buckets": 32})).load_state_dict(dit.state_dict())


def test_it_learns_two_prompts() -> None:
    """Two prompts with one video each: after a few steps the prompt alone decides what comes out of noise."""
    torch.manual_seed(0)
    dit = DiT(CONFIG)
    x0 = torch.randn(2, 4, 2, 4, 4)
    ids, mask = torch.tensor([[5], [9]]), torch.ones(2, 1, dtype=torch.bool)
    domain, rate = torch.ones(2, dtype=torch.int64), torch.full((2,), 16.0)
    optimizer = torch.optim.AdamW(dit.parameters(), lr=5e-3)
    for _ in range(120):
        t, noise = torch.rand(2, 1).expand(-1, 2) * 0.7 + 0.3, torch.randn_like(x0)
        x_t = (1 - t[:, None, :, None, None]) * x0 + t[:, None, :, None, None] * noise
        loss = (dit(x_t, t, words(ids, mask, domain, rate)) - (noise - x0)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    noise = torch.randn_like(x0)
    with torch.no_grad():
        found = noise - dit(noise, torch.ones(2, 2), words(ids, mask, domain, rate))
    assert (found - x0).square().mean() < 0.1
    assert (found - x0.flip(0)).square().mean() > 1
