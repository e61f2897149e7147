"""Labels and latents come back from disk as they were."""

from pathlib import Path

import numpy as np
import pytest
import torch

from worldsim.training.latents import cached, cached_labels


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


@pytest.mark.parametrize("place", [0.05, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_damaged_latents_are_said_and_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: float, damage: str
) -> None:
    path, calls = tmp_path / "latents.safetensors", []
    latents = [torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(n)) for n in range(5)]

    def make() -> list[torch.Tensor]:
        calls.append(1)
        return latents

    cached(path, "clips", make)
    assert len(cached(path, "clips", make)) == 5 and len(calls) == 1
    data = bytearray(path.read_bytes())
    at = min(int(place * len(data)), len(data) - 1)
    data[at] ^= 1
    path.write_bytes(bytes(data) if damage == "flip" else bytes(data[:at]))
    again = cached(path, "clips", make)
    assert all(torch.equal(one, other) for one, other in zip(again, latents, strict=True))
    assert len(calls) == 2
    cached(path, "clips", make)
    assert len(calls) == 2


def test_latents_of_another_run_are_taken_where_they_fit(tmp_path: Path) -> None:
    latents = [torch.ones(4, 2, 3, 3)]
    cached(tmp_path / "one" / "a.safetensors", "clips", lambda: latents)
    own = tmp_path / "two" / "a.safetensors"
    assert len(cached(own, "clips", lambda: pytest.fail("encoded again"), tmp_path / "one" / "a.safetensors")) == 1
    assert len(cached(own, "others", lambda: latents * 2, tmp_path / "one" / "a.safetensors")) == 2
