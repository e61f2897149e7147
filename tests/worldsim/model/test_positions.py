import math

import pytest
import torch

from physics_data.core.errors import DataError
from worldsim.model.embeddings import (
    apply_rotary,
    axis_split,
    from_patches,
    rotary_embedding,
    rotation_angles,
    sinusoidal_embedding,
    to_patches,
    token_positions,
)


def test_positions_are_seconds_and_shares_of_the_picture() -> None:
    positions = token_positions((2, 2, 2), temporal_factor=4, frame_rate=torch.tensor([16.0, 8.0]))
    assert positions.shape == (2, 8, 3)
    assert positions[0, :, 0].tolist() == [0.0] * 4 + [0.25] * 4
    assert positions[1, :, 0].tolist() == [0.0] * 4 + [0.5] * 4
    assert positions[0, :4, 1:].tolist() == [[-0.25, -0.25], [-0.25, 0.25], [0.25, -0.25], [0.25, 0.25]]


def test_the_same_picture_in_finer_tokens_has_the_same_extent() -> None:
    coarse, fine = (token_positions((1, n, 2 * n), 4, torch.tensor([16.0])) for n in (4, 8))
    step = {len(p): None for p in (coarse, fine)}
    assert step
    for positions, rows in ((coarse, 4), (fine, 8)):
        side = math.sqrt(2) * rows
        assert positions[..., 1].max().item() + 0.5 / side == pytest.approx(0.5 / math.sqrt(2))
        assert positions[..., 2].max().item() + 0.5 / side == pytest.approx(1 / math.sqrt(2))


@pytest.mark.parametrize("pairs", [4, 12, 32, 36])
def test_all_rotations_are_used(pairs: int) -> None:
    split = axis_split(pairs)
    assert sum(split) == pairs
    assert min(split) >= 1
    assert split[1] == split[2]
    assert rotation_angles(torch.rand(1, 5, 3), pairs).shape == (1, 5, pairs)


def test_dot_products_see_differences_of_positions_only() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(2, 1, 3, 6, 32)
    positions = torch.rand(1, 6, 3)
    moved = positions + torch.tensor([0.7, -0.3, 0.2])

    def scores(places: torch.Tensor) -> torch.Tensor:
        turn = rotary_embedding(rotation_angles(places, 16))
        return apply_rotary(q, turn) @ apply_rotary(k, turn).mT

    torch.testing.assert_close(scores(positions), scores(moved), atol=1e-4, rtol=1e-4)
    assert (scores(positions) - scores(positions * 1.5)).abs().max() > 0.1


def test_turning_keeps_lengths() -> None:
    x = torch.randn(2, 3, 5, 16)
    turned = apply_rotary(x, rotary_embedding(rotation_angles(torch.rand(2, 5, 3), 8)))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))


def test_every_place_has_its_own_waves() -> None:
    waves = sinusoidal_embedding(token_positions((3, 4, 4), 4, torch.tensor([16.0])), 48)[0]
    assert waves.shape == (48, 48)
    assert torch.cdist(waves, waves).fill_diagonal_(9).min() > 0.1


def test_patches_come_back_and_run_over_frames_rows_columns() -> None:
    latents = torch.randn(2, 3, 2, 4, 6)
    tokens = to_patches(latents, 2)
    assert tokens.shape == (2, 2 * 2 * 3, 2 * 2 * 3)
    assert torch.equal(from_patches(tokens, (2, 2, 3), 2), latents)
    torch.testing.assert_close(tokens[0, 6 + 3 + 1].reshape(2, 2, 3).permute(2, 0, 1), latents[0, :, 1, 2:4, 2:4])


def test_sizes_that_do_not_divide_are_refused() -> None:
    with pytest.raises(DataError, match="width 5 .* are 4 and 6"):
        to_patches(torch.zeros(1, 3, 1, 4, 5), 2)
