"""A Ray cluster cuts the same clips, to the byte, as this machine's processes."""

from pathlib import Path

import pytest

from physics_data.core.video import write_video
from tests.worldsim.data.footage.test_packed_sources import CONFIG, sliding
from worldsim.data.footage.ingest import ingest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'worldsim[ray]'")
pytestmark = pytest.mark.slow


def test_ray_changes_nothing(tmp_path: Path) -> None:
    for number in range(4):
        write_video(tmp_path / "in" / f"{number}.mp4", sliding(number, 12 + number), 8.0)
    (tmp_path / "in" / "broken.mp4").write_text("x")
    root = str(Path(__file__).parents[4])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": root}})
    try:
        with_ray = ingest([tmp_path / "in"], tmp_path / "ray", CONFIG, workers=2, executor="ray")
    finally:
        ray.shutdown()
    local = ingest([tmp_path / "in"], tmp_path / "local", CONFIG)
    assert with_ray == local
    names = [path.name for path in sorted((tmp_path / "local" / "shards").iterdir())]
    assert names == [path.name for path in sorted((tmp_path / "ray" / "shards").iterdir())] and names
    for name in names:
        assert (tmp_path / "ray" / "shards" / name).read_bytes() == (tmp_path / "local" / "shards" / name).read_bytes()
