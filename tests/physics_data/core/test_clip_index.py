"""The index of a dataset: rows in groups, columns whole, the same answers whether rows are held or not."""

import pickle
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from physics_data.core import clip_index
from physics_data.core.clip_index import INDEX_NAME, ClipIndex, write_index
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow


def row(number: int) -> IndexRow:
    return IndexRow(
        key=f"collide-mujoco-{number:07d}",
        shard=f"shards/train-{number // 4:06d}.tar",
        offset=512 * number,
        length=512,
        sha256=f"{number:064x}",
        source="physics",
        split="train" if number % 3 else "val",
        scenario="collide" if number % 2 else None,
        engine="mujoco",
        root_seed=0,
        pair_id=None if number % 5 else f"set-{number}",
        caption=f"clip {number % 7}",
        num_frames=17 + number % 2,
        frame_rate=16.0,
        height=64,
        width=64,
    )


@pytest.fixture(params=["held", "read in groups"])
def index(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClipIndex:
    monkeypatch.setattr(clip_index, "GROUP_ROWS", 10)
    monkeypatch.setattr(clip_index, "_GROUPS_IN_MEMORY", 2)
    monkeypatch.setattr(clip_index, "HELD_ROWS", 1000 if request.param == "held" else 5)
    assert write_index(tmp_path, (row(number) for number in range(43))) == 43
    return ClipIndex(tmp_path / INDEX_NAME)


def test_rows_come_by_position_in_any_order(index: ClipIndex) -> None:
    assert len(index) == 43
    assert list(index) == [row(number) for number in range(43)]
    order = np.random.default_rng(0).permutation(43)
    assert [index[int(one)] for one in order] == [row(int(one)) for one in order]
    assert index[-1] == row(42) and index[9:12] == [row(9), row(10), row(11)]
    with pytest.raises(IndexError):
        index[43]
    assert pickle.loads(pickle.dumps(index))[20] == row(20)


def test_columns_answer_questions(index: ClipIndex) -> None:
    assert index.where("split", "val").tolist() == list(range(0, 43, 3))
    assert index.where("num_frames", 18).tolist() == list(range(1, 43, 2))
    assert index.where("num_frames", "many").tolist() == [] and index.where("scenario", "none").tolist() == []
    codes, names = index.codes("pair_id")
    assert [names[code] if code >= 0 else None for code in codes] == [row(n).pair_id for n in range(43)]
    positions = np.array([3, 4, 11, 29, 30])
    assert [one for part in index.texts("caption", positions) for one in part] == [row(n).caption for n in positions]
    assert index.firsts(("num_frames", "split"), np.arange(1, 43)).tolist() == [1, 2, 3, 6]
    assert index.find("collide-mujoco-0000031") == 31 and index.find("collide-mujoco-0000043") is None


def test_damage_is_told_where_it_lies(index: ClipIndex, tmp_path: Path) -> None:
    table = pq.read_table(tmp_path / INDEX_NAME)
    pq.write_table(table.drop_columns(["sha256"]), tmp_path / INDEX_NAME)
    with pytest.raises(DataError, match="row 0 of .* does not fit: it has no sha256"):
        ClipIndex(tmp_path / INDEX_NAME)
    wrong = table.set_column(2, "offset", pa.array(["x"] * 43))
    pq.write_table(wrong, tmp_path / INDEX_NAME)
    with pytest.raises(DataError, match="row 0 of .* does not fit"):
        _ = ClipIndex(tmp_path / INDEX_NAME)[0]
    (tmp_path / INDEX_NAME).write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        ClipIndex(tmp_path / INDEX_NAME)


@pytest.mark.slow
def test_a_million_rows_open_at_once_and_in_little_memory(tmp_path: Path) -> None:
    from benchmarks.scale.large_index import write_large_index

    write_large_index(tmp_path, 1_000_000)
    before = pa.total_allocated_bytes()
    index = ClipIndex(tmp_path / INDEX_NAME)
    assert len(index) == 1_000_000 and index[777_777].offset > 0
    started = time.process_time()
    for position in np.random.default_rng(0).integers(1_000_000, size=200):
        assert index[int(position)].key.endswith(f"{position:09d}")
    assert (time.process_time() - started) / 200 < 0.05  # ten times the target of docs/benchmarks.md, on any machine
    assert pa.total_allocated_bytes() - before < 64 * 2**20
