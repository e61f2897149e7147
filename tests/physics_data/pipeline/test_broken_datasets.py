"""Whatever part of a dataset is lost, changed or forged, it is told in a sentence."""

import io
import json
import random
import shutil
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from physics_data.core.atomic import folder_lock
from physics_data.core.clip_index import INDEX_NAME, write_index
from physics_data.core.config import fingerprint, load_config
from physics_data.core.dataset import RECORD_NAME, ShardDataset, read_manifest
from physics_data.core.errors import ConfigError, DataError, StorageError, WorldsimError
from physics_data.core.shards import decode_clip, encode_clip, read_members, tar_block
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.check import check_dataset
from physics_data.pipeline.export import EXPORTERS, export_dataset


@pytest.fixture
def copy(small_dataset, tmp_path):
    shutil.copytree(small_dataset, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(autouse=True)
def labels_are_checked_elsewhere(monkeypatch):
    monkeypatch.setattr("physics_data.pipeline.check.check_labels", lambda clip: {})


def findings(folder) -> str:
    return "\n".join(f"{found.where}: {found.message}" for found in check_dataset(ShardDataset(folder)).findings)


def rewrite_index(folder, change):
    rows = [row.model_dump() for row in ShardDataset(folder).rows]
    rows = change(rows)
    table = pq.read_table(folder / INDEX_NAME)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / INDEX_NAME)


def test_rows_missing_from_the_index_are_found(copy):
    lost = ShardDataset(copy).rows[2].key
    rewrite_index(copy, lambda rows: rows[:2] + rows[3:])
    assert f"clip '{lost}' is in its manifest and not in the index" in findings(copy)


def test_whole_shards_that_left_the_index_are_found(copy):
    """The index, the shard and its manifest gone together: only the config in the record still knows."""
    shard = ShardDataset(copy).rows[0].shard
    rewrite_index(copy, lambda rows: [row for row in rows if row["shard"] != shard])
    assert f"{shard}: clip" in findings(copy)
    (copy / shard).unlink()
    (copy / shard).with_suffix(".json").unlink()
    told = findings(copy)
    assert f"{shard}: the file is missing" in told and "which the config in dataset.yaml makes" in told


def test_a_shard_or_manifest_that_is_gone_is_found(copy):
    shard = ShardDataset(copy).rows[0].shard
    (copy / shard).with_suffix(".json").unlink()
    assert f"{shard}: its manifest is missing" in findings(copy)
    (copy / shard).unlink()
    assert f"{shard}: the file is missing" in findings(copy)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("split", "ood"), ("root_seed", 8), ("num_frames", 16), ("frame_rate", 15.0), ("width", 31), ("height", 33),
        ("caption", "a ball"), ("scenario", "collide"), ("engine", "havok"), ("twin_id", "x"), ("source", "footage"),
        ("sha256", "0" * 64), ("offset", 512), ("length", 1024),
    ],
)  # fmt: skip
def test_an_altered_column_is_found(copy, column, value):
    def change(rows):
        rows[1][column] = value
        return rows

    rewrite_index(copy, change)
    assert column in findings(copy) or "checksum" in findings(copy) or "truncated" in findings(copy)


def test_strange_files_and_bytes_are_found(copy):
    shard = copy / ShardDataset(copy).rows[0].shard
    shutil.copy(shard, shard.with_name("train-00099.tar"))
    assert "train-00099.tar: its manifest is missing" in findings(copy)
    shard.write_bytes(shard.read_bytes() + b"\0" * 512)
    assert "says another size" in findings(copy)


def test_a_changed_config_in_the_record_is_found_and_an_earlier_one_is_not(copy):
    """A later version has more settings: the fingerprint is that of what stands there, not of what it means now."""
    record = copy / RECORD_NAME
    whole = yaml.safe_load(record.read_text())
    record.write_text(yaml.safe_dump({**whole, "config": {**whole["config"], "seed": 8}}))
    assert "its config is not the one whose fingerprint it holds" in findings(copy)
    earlier = {**whole, "format": "worldsim.dataset/1", "config": {**whole["config"]}}
    earlier["config"]["settings"] = {n: v for n, v in whole["config"]["settings"].items() if n != "camera_jitter"}
    earlier["identity"] = {**whole["identity"], "config": fingerprint(earlier["config"])}
    record.write_text(yaml.safe_dump(earlier))
    assert findings(copy) == ""


def test_damaged_annotations_are_found(copy):
    key = ShardDataset(copy).rows[0].key
    folder = copy / "annotations" / "boxes"
    folder.mkdir(parents=True)
    data = encode_clip(ShardDataset(copy).load(0))["instance_ids.zst"]
    record = {"ids": {"dtype": "|u1", "shape": [17, 32, 32]}}
    block = tar_block(key, {"json": json.dumps(record).encode(), "ids.zst": data})
    (folder / "train-00000.tar").write_bytes(block + b"\0" * 1024)
    manifest = {"bytes": len(block) + 1024, "rows": [{"key": key, "offset": 0, "length": len(block)}]}
    (folder / "train-00000.json").write_text(json.dumps(manifest))
    assert findings(copy) == ""
    rng = random.Random(0)
    stored = bytearray((folder / "train-00000.tar").read_bytes())
    start = stored.index(data[:16])
    for _ in range(20):
        changed = bytearray(stored)
        changed[start + rng.randrange(4)] ^= 1 << rng.randrange(8)  # the magic number of the zstd frame
        (folder / "train-00000.tar").write_bytes(changed)
        assert "annotations/boxes/train-00000.tar: " in findings(copy)
    (folder / "train-00000.tar").write_bytes(stored)
    (folder / "train-00000.json").write_text(json.dumps(manifest)[:-9])
    assert "is damaged" in findings(copy)
    (folder / "train-00000.json").unlink()
    assert "its manifest is missing" in findings(copy)


def test_mutated_small_files_are_refused_in_a_sentence_or_mean_the_same(copy):
    """Seeded damage to the record, the manifests and the index: no traceback, and no other dataset without a word."""
    rng = random.Random(3)
    files = [copy / RECORD_NAME, copy / INDEX_NAME, *sorted((copy / "shards").glob("*.json"))[:2]]
    refused = 0
    for number in range(120):
        path = files[number % len(files)]
        whole = path.read_bytes()
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(data))
            kind = rng.randrange(3)
            if kind == 0:
                data[place] = rng.randrange(256)
            elif kind == 1:
                del data[place : place + rng.randrange(1, 40)]
            else:
                data[place:place] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 8)))
        path.write_bytes(data)
        try:
            opened = ShardDataset(copy)
            for tar in sorted((copy / "shards").glob("*.tar")):
                read_manifest(tar)
            for row in range(min(len(opened), 2)):
                opened.load(row)
        except WorldsimError as error:
            assert str(error)
            refused += 1
        path.write_bytes(whole)
    assert refused >= 60


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["arrays"]["rgb"].update(shape=[10**6, 10**6, 10**6, 3]),
        lambda record: record["arrays"]["rgb"].update(shape=[-17, 32, 32, 3]),
        lambda record: record["arrays"]["rgb"].update(shape="17"),
        lambda record: record["arrays"]["rgb"].update(dtype="|O"),
        lambda record: record["arrays"]["instance_ids"].update(shape=[17, 32 * 32]),
        lambda record: record["arrays"]["depth_map"].update(near=0.0),
        lambda record: record["arrays"]["depth_map"].pop("far"),
        lambda record: record["arrays"].update(optical_flow=3),
        lambda record: record.update(arrays=[]),
        lambda record: record.update(meta=None),
        lambda record: record["meta"].update(num_frames=10**9),
        lambda record: record["meta"].update(frame_rate=0),
        lambda record: record["meta"].update(key="../../x"),
        lambda record: record["meta"].update(spec=None),
        lambda record: record["meta"]["spec"]["bodies"].pop(),
    ],
)
def test_forged_records_are_refused(copy, change):
    """A shard whose checksums are right and whose records lie."""
    dataset = ShardDataset(copy)
    row = dataset.rows[0]
    members = encode_clip(dataset.load(0))
    record = json.loads(members["json"])
    change(record)
    members["json"] = json.dumps(record).encode()
    block = tar_block(row.key, members)
    import hashlib

    (copy / row.shard).write_bytes(block + b"\0" * 1024)
    forged = row.model_copy(update={"length": len(block), "sha256": hashlib.sha256(block).hexdigest()})
    write_index(copy, [forged])
    with pytest.raises(DataError):
        ShardDataset(copy).load(0)


def test_mutated_members_end_in_a_sentence(small):
    """Bytes of records, tables and arrays changed below the checksum: 400 tried, no other error than the project's."""
    rng = random.Random(11)
    whole = [read_members(small.folder, small.rows[position]) for position in (0, len(small) - 1)]
    refused = 0
    for _ in range(400):
        members = dict(rng.choice(whole))
        name = rng.choice(["json", "json", "trajectory.npz", rng.choice(sorted(members))])
        data = bytearray(members[name])
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(data))
            new = rng.choice([bytes([rng.randrange(256)]), b"", b"999", b"null", b"-1e9", b"[]{", bytes(8)])
            data[place : place + rng.randrange(40)] = new
        members[name] = bytes(data)
        try:
            decode_clip(members)
        except WorldsimError as error:
            assert str(error)
            refused += 1
    assert refused > 300


def test_an_index_that_points_outside_is_refused(copy):
    (copy.parent / "secret.tar").write_bytes(b"x" * 4096)
    rewrite_index(copy, lambda rows: [{**rows[0], "shard": "../secret.tar"}])
    for read in (ShardDataset(copy).load, ShardDataset(copy).load_meta):
        with pytest.raises(DataError, match="outside of the dataset"):
            read(0)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "more than 200000 values"),
        ("a: &a {<<: *a}\n", "readable YAML"),
        ("a: &a [*a]\n", "contains itself"),
        ("seed: 2024-01-01\n", "seed"),
        ("seed: " + "[" * 3000 + "\n", "readable YAML"),
        ("seed: " + "9" * 5000 + "\n", "seed|readable YAML"),
        ("seed: .inf\n", "seed"),
        ("? [1, 2]\n: 3\n", "readable YAML"),
        ("1: 2\n", "keys are words"),
        ("seed: \x00\n", "readable YAML"),
        ("", "holds NoneType"),
    ],
)
def test_hostile_configs_are_refused_in_a_sentence(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as told:
        load_config(BuildConfig, path)
    assert len(str(told.value)) < 5000
    path.write_bytes(b"seed: \xff\xfe\n")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        load_config(BuildConfig, path)


def test_odd_folder_names_are_only_names(small, tmp_path):
    for number, name in enumerate(("x{1,2}", "[b]x[/b]", "100% %d", "süß 球")):
        out = tmp_path / name
        for to in EXPORTERS.keys() - {"rigidbench"}:  # it takes no moving camera
            assert export_dataset(small, out / to, to, split="val") == 2, number
        with folder_lock(out):
            pass


def test_out_that_is_a_file_or_below_one_is_refused(small, tmp_path):
    (tmp_path / "file").write_text("mine")
    config = BuildConfig(scenarios=("free_drop",))
    for out in (tmp_path / "file", tmp_path / "file" / "sub"):
        with pytest.raises(StorageError, match="a file stands where a folder is needed"):
            build(config, out)
        with pytest.raises((StorageError, DataError), match="a file stands|is there already"):
            export_dataset(small, out, "frames")
    assert (tmp_path / "file").read_text() == "mine"


def test_arrays_of_a_read_clip_can_be_written_to(small):
    clip = small.load(0)
    for array in (clip.rgb, clip.rendering.instance_ids, clip.rendering.depth_map, clip.rendering.optical_flow):
        assert array.flags.writeable
    with tarfile.open(fileobj=io.BytesIO(tar_block("a", {"b": b"c"}))) as tar:
        assert np.array_equal(tar.getnames(), ["a.b"])
