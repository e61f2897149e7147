"""A real Ray cluster of two nodes makes the same bytes, and loses nothing when a worker dies."""

import contextlib
import hashlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import SceneSpecError
from physics_data.pipeline import build as build_module
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.pipeline.executors import run_work
from physics_data.pipeline.shard_maker import ShardMaker
from physics_data.scenarios.shared.scenario import SceneSettings

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'worldsim[ray]'")
pytestmark = pytest.mark.slow

CONFIG = BuildConfig(
    seed=5,
    scenarios=("free_drop", "occluder_pass"),
    scenes_per_scenario=SplitSizes(train=6, test=2),
    clips_per_shard=3,
    settings=SceneSettings(width=32, height=32),
)


@dataclass(frozen=True)
class DiesOnce(ShardMaker):
    """Makes shards, and kills its process after the first clip of the second shard, once."""

    def __call__(self, name, on_clip=lambda: None):
        mark = self.out / "died"

        def clip_done():
            on_clip()
            if name == "train-00001" and not mark.exists():
                mark.write_text(f"{os.getpid()} {ray.get_runtime_context().get_node_id()}")
                os.kill(os.getpid(), signal.SIGKILL)

        return super().__call__(name, clip_done)


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((folder / "shards").glob("*.tar"))}


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    with contextlib.ExitStack() as stack:
        stack.callback(nodes.shutdown)
        stack.callback(ray.shutdown)
        here = Path(__file__).parent  # the workers unpickle classes of this module
        environment = {"env_vars": {"PYTHONPATH": f"{here}{os.pathsep}{here.parents[2]}"}}
        ray.init(address=nodes.address, log_to_driver=False, runtime_env=environment)
        nodes.wait_for_nodes()
        assert len(ray.nodes()) == 2
        yield nodes


def test_a_cluster_makes_the_same_bytes_and_a_dead_worker_loses_nothing(cluster, tmp_path, monkeypatch):
    build(CONFIG, tmp_path / "local")
    monkeypatch.setattr(build_module, "ShardMaker", DiesOnce)
    ticks: list[int] = []
    summary = build(CONFIG, tmp_path / "ray", workers=2, executor="ray", on_clips=ticks.append)
    assert (tmp_path / "ray" / "died").is_file()
    assert summary.clips == sum(ticks) == 16
    assert digests(tmp_path / "ray") == digests(tmp_path / "local")
    assert len(ShardDataset(tmp_path / "ray")) == 16
    assert not [path for path in (tmp_path / "ray" / "shards").iterdir() if "partial" in path.name]


class Broken:
    def __call__(self, name, on_clip):
        raise SceneSpecError(f"shard {name} cannot be made")


def test_a_mistake_in_the_work_is_told_as_it_is(cluster):
    with pytest.raises(SceneSpecError, match="shard a cannot be made"):
        list(run_work("ray", Broken(), ["a"], 2, lambda count: None))
