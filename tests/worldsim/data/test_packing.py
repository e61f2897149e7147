"""Rows of tokens: everything is in once, nothing overflows, little is wasted."""

import numpy as np
import pytest

from physics_data.core.errors import ConfigError
from worldsim.data.collate import balanced_rows, first_fit_decreasing, padding_share, share_out


def test_a_case_by_hand() -> None:
    lengths = [3, 8, 2, 5, 4, 7]
    # 8 | 7 | 5 4 | then 3 into the second row, and 2 into the first
    assert first_fit_decreasing(lengths, 10) == [[1, 2], [5, 0], [3, 4]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("pack", [first_fit_decreasing, balanced_rows])
def test_every_sample_is_in_one_row_and_no_row_is_too_long(pack, seed: int) -> None:
    lengths = np.random.default_rng(seed).integers(1, 200, 300).tolist()
    rows = pack(lengths, 256)
    assert sorted(sample for row in rows for sample in row) == list(range(300))
    assert max(sum(lengths[sample] for sample in row) for row in rows) <= 256
    assert len(rows) <= 11 / 9 * np.ceil(sum(lengths) / 256) + 6 / 9


@pytest.mark.parametrize("seed", range(5))
def test_padding_is_under_two_percent_of_real_mixtures(seed: int) -> None:
    """Pictures and clips of 1 to 33 frames in five shapes, 4 x 8 x 8 latents, patches of 2, 256 samples a window."""
    rng = np.random.default_rng(seed)
    shapes = ((64, 64), (48, 80), (80, 48), (128, 128), (96, 160))
    lengths = []
    for _ in range(256):
        height, width = shapes[rng.integers(len(shapes))]
        frames = int(rng.choice([1, 5, 9, 17, 33], p=[0.3, 0.1, 0.1, 0.4, 0.1]))
        lengths.append((height // 16) * (width // 16) * ((frames - 1) // 4 + 1))
    assert padding_share(balanced_rows(lengths, 2048), lengths) < 0.02


def test_rows_are_shared_out_evenly() -> None:
    parts = share_out([[i] for i in range(11)], 4)
    assert [len(part) for part in parts] == [3, 3, 3, 2]
    assert sorted(row[0] for part in parts for row in part) == list(range(11))


def test_what_cannot_be_packed_is_refused() -> None:
    with pytest.raises(ConfigError, match="a clip has 12 tokens, data.packing.row_tokens is 10; write at least 12"):
        first_fit_decreasing([3, 12], 10)


def test_every_step_gets_a_row_where_few_would_do() -> None:
    rows = balanced_rows([5, 1, 1, 1], 100, min_rows=3)
    assert sorted(len(row) for row in rows) == [1, 1, 2]
