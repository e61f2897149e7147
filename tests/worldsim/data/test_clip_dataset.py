"""``ClipDataset`` in a DataLoader."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, UnknownNameError
from worldsim.data.clip_dataset import ClipDataset


def test_items_are_the_stored_arrays(make_dataset: Callable[..., Path]) -> None:
    folder = make_dataset("d")
    data = ClipDataset(folder, streams=("video", "rgb", "instance_ids", "depth_map", "amodal_masks"))
    stored = ShardDataset(folder).load(3)
    item = data[3]
    assert len(data) == 6 and (item["key"], item["source"]) == (stored.meta.key, "physics")
    assert np.array_equal(item["rgb"].numpy(), stored.rgb)
    assert torch.equal(item["video"], torch.tensor(stored.rgb).permute(3, 0, 1, 2) / 127.5 - 1)
    assert np.array_equal(item["depth_map"].numpy(), stored.depth_map)
    assert data[-1]["key"] == data[5]["key"]
    with pytest.raises(IndexError):
        data[6]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_gives_batches(make_dataset: Callable[..., Path], num_workers: int) -> None:
    data = ClipDataset(make_dataset("d"), streams=("video", "instance_ids"))
    batches = list(DataLoader(data, batch_size=4, collate_fn=data.collate, num_workers=num_workers))
    assert [batch["video"].shape for batch in batches] == [(4, 3, 5, 16, 16), (2, 3, 5, 16, 16)]
    assert batches[0]["frame_rate"].tolist() == [16.0] * 4
    assert batches[1]["caption"] == ["a red ball falls"] * 2


def test_missing_objects_are_empty_masks() -> None:
    one, two = torch.ones(5, 1, 4, 4, dtype=torch.bool), torch.ones(5, 2, 4, 4, dtype=torch.bool)
    batch = ClipDataset.collate([{"key": "a", "amodal_masks": one}, {"key": "b", "amodal_masks": two}])
    assert batch["amodal_masks"].shape == (2, 5, 2, 4, 4)
    assert batch["amodal_masks"][0].any((0, 2, 3)).tolist() == [True, False]


def test_what_cannot_be_given_is_named(make_dataset: Callable[..., Path]) -> None:
    footage = make_dataset("footage", source="footage")
    with pytest.raises(UnknownNameError, match="Did you mean 'depth_map'"):
        ClipDataset(footage, streams=("depth_mp",))
    with pytest.raises(DataError, match="has no 'instance_ids'"):
        ClipDataset(footage, streams=("instance_ids",))[0]
    with pytest.raises(DataError, match="'ood'"):
        ClipDataset(footage, split="ood")
    small, large = (ClipDataset(make_dataset(f"s{size}", size=size))[0] for size in (16, 32))
    with pytest.raises(DataError, match="one size"):
        ClipDataset.collate([small, large])
