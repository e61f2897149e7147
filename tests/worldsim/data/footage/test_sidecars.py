"""Captions and licences from every kind of file that they come in."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from physics_data.core.errors import DataError
from worldsim.data.footage.media import Medium
from worldsim.data.footage.sidecars import SideCar, SideCars


def video(path: Path) -> Medium:
    return Medium(path.name, "video", (path,))


@pytest.mark.parametrize("table", ["metadata.csv", "Captions.tsv", "manifest.jsonl", "metadata.parquet"])
def test_tables_name_files_relative_to_themselves(tmp_path: Path, table: str) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    record = {"file_name": "clips/a.mp4", "Text": " a dog\n runs ", "License": "CC0-1.0"}
    path = folder / table
    if table.endswith(".jsonl"):
        path.write_text(json.dumps(record) + "\n\n")
    elif table.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist([record]), path)
    else:
        separator = "\t" if table.endswith(".tsv") else ","
        path.write_text(separator.join(record) + "\n" + separator.join(f'"{v}"' for v in record.values()))
    known = SideCars([tmp_path])
    assert known.of(video(folder / "clips" / "a.mp4")) == SideCar("a dog runs", "CC0-1.0")
    assert known.of(video(folder / "clips" / "b.mp4")) == SideCar("", "unknown")


def test_files_beside_a_video_win_over_tables(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,caption,licence\na.mp4,from the table,MIT\n")
    medium = video(tmp_path / "a.mp4")
    assert SideCars([tmp_path]).of(medium) == SideCar("from the table", "MIT")
    (tmp_path / "a.json").write_text(json.dumps({"Prompt": "from json", "fps": 3}))
    assert SideCars([tmp_path]).of(medium) == SideCar("from json", "MIT")
    (tmp_path / "a.txt").write_text("from text")
    assert SideCars([tmp_path]).of(medium) == SideCar("from text", "MIT")


def test_a_sequence_has_the_side_car_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run.v2"
    folder.mkdir()
    (tmp_path / "run.v2.txt").write_text("a car turns")
    medium = Medium("run.v2/#.png", "sequence", (folder / "1.png", folder / "2.png"))
    assert SideCars([tmp_path]).of(medium).caption == "a car turns"


def test_a_table_of_any_name_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "openset.csv").write_text("path,text,num_frames\na.mp4,a ball,8\n")
    assert SideCars([tmp_path]).of(video(tmp_path / "a.mp4")).caption == ""
    assert SideCars([tmp_path], [tmp_path / "openset.csv"]).of(video(tmp_path / "a.mp4")).caption == "a ball"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metadata.csv", b"name,text\na,b\n", "needs a column with file names"),
        ("metadata.jsonl", b'{"file": "a.mp4"\n', "cannot read the table"),
        ("metadata.csv", b"file,text\na.mp4,caf\xe9\n", "cannot read the table"),
        ("metadata.parquet", b"PAR0", "cannot read the table"),
    ],
)
def test_a_broken_table_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        SideCars([tmp_path])
