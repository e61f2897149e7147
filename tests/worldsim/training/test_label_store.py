"""Labels come back from disk as they were, and pairs of twins are found in an index."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physics_data.core.clip import TwinInfo
from worldsim.training.label_store import cached_labels
from worldsim.training.twin_pairs import find_pairs


def test_labels_come_back_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clips = [
        {"seen_share": rng.random((2, 3, 4, 4), dtype=np.float32), "counted": np.ones(2, dtype=bool)},
        {},
        {"seen_share": rng.random((0, 3, 4, 4), dtype=np.float32), "counted": np.ones(0, dtype=bool)},
        {"color": np.array([3, 1], dtype=np.int64)},
    ]
    path = tmp_path / "a.labels.safetensors"
    cached_labels(path, "identity", ("masks",), lambda: clips)
    again = cached_labels(path, "identity", ("masks",), lambda: pytest.fail("made again"))
    for one, other in zip(clips, again, strict=True):
        assert one.keys() == other.keys()
        for name, array in one.items():
            assert array.dtype == other[name].dtype
            np.testing.assert_array_equal(array, other[name])


@pytest.mark.parametrize("change", [{"identity": "other"}, {"groups": ("masks", "looks")}])
def test_other_clips_or_groups_are_made_anew(tmp_path: Path, change: dict[str, object]) -> None:
    path, facts = tmp_path / "a.labels.safetensors", {"identity": "one", "groups": ("masks",)}
    cached_labels(path, "one", ("masks",), lambda: [{"counted": np.zeros(1, dtype=bool)}])
    asked = {**facts, **change}
    made = cached_labels(path, str(asked["identity"]), tuple(asked["groups"]), lambda: [{}])  # type: ignore[arg-type]
    assert made == [{}]


def twin(set_id: str, role: Any) -> TwinInfo:
    return TwinInfo(set_id=set_id, editor="vanish", role=role, is_possible=True, is_hidden=False)


def test_pairs_begin_alike() -> None:
    roles = [("b", role) for role in ("AA", "BB", "AB", "BA")]
    twins = [twin("a", "possible"), twin("a", "impossible"), twin("a", "control"), None, *(twin(*one) for one in roles)]
    assert find_pairs(twins) == [(0, 1), (4, 6), (5, 7)]
    assert find_pairs([twin("a", "possible"), twin("b", "impossible")]) == []
