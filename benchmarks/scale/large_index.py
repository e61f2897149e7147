"""An index of millions of rows, made without clips: how long it takes to open, and to find a row."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.rows import Row, median_row
from benchmarks.scale import COMMAND
from physics_data.core.clip_index import GROUP_ROWS, INDEX_NAME, INDEX_SCHEMA
from physics_data.core.conventions import DATASET_FORMAT
from physics_data.core.dataset import RECORD_NAME
from physics_data.core.provenance import write_provenance

_AT_ONCE = 64 * GROUP_ROWS
_OPEN = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
import worldsim.data.loading
from worldsim.config import DataConfig, SourceConfig
folder = Path(sys.argv[1])
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
started = time.process_time()
config = DataConfig(sources=(SourceConfig(path=folder),), num_frames=32, height=128, width=128, frame_rate=16.0)
mixture = worldsim.data.loading.open_mixture(config, seed=0, batch_size=8)
opened = time.process_time() - started
started = time.process_time()
picks = mixture.batch(0, 8)
first = time.process_time() - started
rows = mixture.sources[0].rows
order = np.random.default_rng(0).integers(len(rows), size=400)
times = []
for position in order:
    started = time.process_time()
    rows[int(position)]
    times.append(1e3 * (time.process_time() - started))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
started = time.process_time()
worldsim.data.loading.ShardDataset(folder).find(rows[len(rows) // 3].key)
found = time.process_time() - started
print(json.dumps({"opened": opened, "first": first, "times": times, "peak": peak, "base": base, "found": found}))
"""


def write_large_index(folder: Path, count: int) -> Path:
    """Write a dataset's record and index of ``count`` rows, whose shards do not exist.

    Texts are as long and as different as those of a built dataset.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_provenance(folder / RECORD_NAME, None, format=DATASET_FORMAT)
    random = np.random.default_rng(0)
    scenarios = np.array(["free_drop", "collide", "projectile", "occluder_pass", "domino_chain"])
    engines = np.array(["mujoco", "bullet"])
    with pq.ParquetWriter(folder / INDEX_NAME, INDEX_SCHEMA) as writer:
        for start in range(0, count, _AT_ONCE):
            numbers = np.arange(start, min(start + _AT_ONCE, count))
            columns = {
                "key": [f"collide-mujoco-{number:09d}" for number in numbers],
                "shard": [f"shards/train-{number // 100:07d}.tar" for number in numbers],
                "offset": numbers % 100 * 2_000_000,
                "length": random.integers(1_500_000, 2_500_000, len(numbers)),
                "sha256": [random.bytes(32).hex() for _ in numbers],
                "source": ["physics"] * len(numbers),
                "split": ["train"] * len(numbers),
                "scenario": scenarios[numbers % len(scenarios)],
                "engine": engines[numbers % len(engines)],
                "root_seed": np.zeros(len(numbers), dtype=np.int64),
                "twin_id": [None] * len(numbers),
                "caption": [f"a red ball and a blue box collide on the floor, {number % 9973}" for number in numbers],
                "num_frames": np.full(len(numbers), 32),
                "frame_rate": np.full(len(numbers), 16.0),
                "height": np.full(len(numbers), 128),
                "width": np.full(len(numbers), 128),
            }
            writer.write_table(pa.table(columns, schema=INDEX_SCHEMA), row_group_size=GROUP_ROWS)
    return folder


def index_rows(folder: Path, count: int) -> list[Row]:
    """Open an index of ``count`` rows as training does, in a fresh process, and read rows at random."""
    write_large_index(folder, count)
    size = (folder / INDEX_NAME).stat().st_size
    command = [sys.executable, "-c", _OPEN, str(folder)]
    done = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    what = f"index of {count:,} rows, processor time"
    found = {
        "opened for training": ([one["opened"] for one in done], "s", 5.0),
        "first batch drawn (shuffles all positions)": ([one["first"] for one in done], "s", None),
        "one row at random": ([value for one in done for value in one["times"]], "ms", 5.0),
        "largest memory of the process": ([one["peak"] for one in done], "GB", 2.0),
        "first search by key": ([one["found"] for one in done], "s", None),
        "size of the file": ([size / 1e9], "GB", None),
    }
    return [
        median_row(f"{what}: {name}", values, unit, target, None, None, COMMAND)
        for name, (values, unit, target) in found.items()
    ]
