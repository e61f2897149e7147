"""docs/data_format.md alone is enough to read a shard: the decoder on the page, run without this project."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from physics_data.core.dataset import ShardDataset
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, PairPlan, PairSizes, SplitSizes
from physics_data.scenarios.shared.scenario import SceneSettings

PAGE = Path(__file__).parents[3] / "docs" / "data_format.md"

SAVE = """
import sys
assert not any(name.startswith(("physics_data", "worldsim")) for name in sys.modules)
for key, (meta, arrays) in read_shard(sys.argv[1]).items():
    assert meta["key"] == key
    np.savez(f"{sys.argv[2]}/{key}.npz", caption=meta["caption"], **arrays)
"""


def test_the_page_alone_decodes_every_member(tmp_path):
    config = BuildConfig(
        scenarios=("collide",),
        scenes_per_scenario=SplitSizes(train=1, val=0, test=0),
        pairs=PairPlan(editors=("vanish",), sets_per_editor=PairSizes(train=1, test=0)),
        streams=("optical_flow", "backward_flow", "normal_map", "object_coordinates"),
        settings=SceneSettings(width=48, height=32, camera_motion="handheld"),
    )
    build(config, tmp_path / "data")
    (decoder,) = re.findall(r"```python\n(import io.*?)```", PAGE.read_text(), flags=re.DOTALL)
    program, out = tmp_path / "decoder.py", tmp_path / "out"
    program.write_text(decoder + SAVE)
    out.mkdir()
    for shard in sorted((tmp_path / "data" / "shards").glob("*.tar")):
        subprocess.run([sys.executable, "-I", str(program), str(shard), str(out)], check=True, cwd=tmp_path)
    dataset = ShardDataset(tmp_path / "data")
    assert len(list(out.glob("*.npz"))) == len(dataset) >= 5
    absent = 0
    for position, row in enumerate(dataset.rows):
        clip = dataset.load(position)
        _, rendering, trajectory = clip.labelled
        found = dict(np.load(out / f"{row.key}.npz"))
        assert str(found.pop("caption")) == clip.meta.caption
        expected = {name: value for name, value in vars(rendering).items() if value is not None}
        expected |= trajectory.to_arrays()
        absent += "present" in expected
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype), name
            tolerance = {"depth_map": 1e-6}.get(name, 0.0)
            np.testing.assert_allclose(found[name], array, rtol=tolerance, atol=0.0, err_msg=name)
    assert absent, "a body that is nowhere for a time is among them"
