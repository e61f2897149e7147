"""Public models on clips of many sizes: 16:9, 9:16, squares and stills in one run, each batch of one bucket."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.progress import Progress
from safetensors.torch import load_file

from physics_data.core.errors import ConfigError, DataError
from tests.worldsim.data.test_buckets import footage
from tests.worldsim.families.test_training import config_of, run
from tests.worldsim.tiny_clips import write_dataset
from worldsim.data.buckets import BucketSource
from worldsim.training.logger import read_metrics
from worldsim.training.loop import InterruptedTrainingError
from worldsim.training.stages import describe
from worldsim.training.tasks.family import FamilyTask

BUCKETS = [
    {"width": 64, "height": 32, "num_frames": 5},
    {"width": 32, "height": 64, "num_frames": 5},
    {"width": 32, "height": 32, "num_frames": 5},
    {"width": 32, "height": 32, "num_frames": 1},
]


@pytest.fixture
def folders(make_dataset: Callable[..., Path], tmp_path: Path) -> list[Path]:
    """Labelled squares; and footage of 16:9, 9:16, stills, and one video that is too small."""
    sizes = [(64, 32, 5), (128, 70, 6), (32, 64, 5), (40, 64, 5), (48, 32, 1), (32, 32, 1), (24, 24, 5)]
    mixed = write_dataset(tmp_path / "footage", [footage(n, *one) for n, one in enumerate(sizes)])
    return [make_dataset("physics", size=32), mixed]


def bucketed(base: Path, folders: list[Path], out: Path, buckets: Any = BUCKETS, **more: Any) -> Any:
    """A run of a few steps on the clips of some folders."""
    data = {"sources": [{"path": str(path)} for path in folders]}
    config = config_of(base, folders[0], out, **more)
    return type(config).model_validate(
        config.model_dump(mode="json", exclude={"data"}) | {"data": data, "buckets": buckets}
    )


def test_one_run_of_all_shapes_resumes_to_the_bit(
    pipeline_folder: Callable[[str], Path], folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled = {"foreground_weight": 2.0, "contact_weight": 1.0, "image_to_video_probability": 1.0}
    more: dict[str, Any] = {"num_steps": 8, "loss": labelled, "report": {"validate_every": 4, "checkpoint_every": 4}}
    whole = bucketed(pipeline_folder("wan22_ti2v"), folders, tmp_path / "whole", **more)
    seen: list[tuple[int, ...]] = []
    plain = FamilyTask.loss

    def noted(self: FamilyTask, model: Any, batch: Any, *rest: Any) -> Any:
        seen.append(tuple(batch.latents.shape[2:]))
        return plain(self, model, batch, *rest)

    monkeypatch.setattr(FamilyTask, "loss", noted)
    run(whole)
    # latent frames, height and width of 5 frames or a still at a sixteenth of the size
    assert set(seen) == {(2, 2, 4), (2, 4, 2), (2, 2, 2), (1, 2, 2)}
    assert all(line["loss"] > 0 for line in read_metrics(whole.out))
    with (whole.out / "buckets.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["clip"]: row["bucket"] for row in rows if row["source"] == "footage"} == {
        "footage-000000": "64x32x5",
        "footage-000001": "64x32x5",
        "footage-000002": "32x64x5",
        "footage-000003": "32x64x5",
        "footage-000004": "32x32x1",
        "footage-000005": "32x32x1",
        "footage-000006": "dropped",
    }
    half = whole.model_copy(update={"out": tmp_path / "half"})
    steps = iter(range(20))

    def stopped(self: FamilyTask, *rest: Any) -> Any:
        if next(steps) == 5:
            raise KeyboardInterrupt
        return plain(self, *rest)

    monkeypatch.setattr(FamilyTask, "loss", stopped)
    with pytest.raises(InterruptedTrainingError, match="checkpoint of step 4"):
        run(half)
    monkeypatch.setattr(FamilyTask, "loss", plain)
    run(half)
    one, other = (load_file(str(out / "model" / "pytorch_lora_weights.safetensors")) for out in (whole.out, half.out))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_it_is_said_what_comes_where_before_the_run(
    pipeline_folder: Callable[[str], Path], folders: list[Path], tmp_path: Path
) -> None:
    config = bucketed(pipeline_folder("wan22_ti2v"), folders, tmp_path / "run")
    lines = describe(config)
    assert "counted for the largest bucket, 64x32x5" in lines
    told = FamilyTask(config, torch.device("cpu")).describe()
    for line in (
        "physics: 6 clips of 32x32x5 in bucket 32x32x5: unchanged",
        "footage: 1 clips of 128x70x6 in bucket 64x32x5: resized to 64x35, 3 rows cropped, the last 1 frames left out",
        "footage: 1 of 7 clips are dropped: 1 are smaller than every bucket",
    ):
        assert line in lines
        assert line in told


@pytest.mark.parametrize("name", ["wan21_t2v", "ltx", "cogvideox", "cogvideox15", "hunyuan15"])
def test_every_family_takes_stills(
    name: str, pipeline_folder: Callable[[str], Path], folders: list[Path], tmp_path: Path
) -> None:
    buckets = [{"width": 32, "height": 32, "num_frames": 1}]
    config = bucketed(pipeline_folder(name), folders[1:], tmp_path / "run", buckets=buckets)
    task = FamilyTask(config, torch.device("cpu"))
    with Progress(disable=True) as progress:
        task.prepare(progress)
    assert [len(source) for source in task.mixture.sources if isinstance(source, BucketSource)] == [2]
    batch = task.batch(0)
    loss = task.loss(task.model, batch, torch.Generator().manual_seed(0))["loss"]  # pyright: ignore[reportArgumentType]
    assert torch.isfinite(loss)


def test_buckets_that_do_not_fit_are_refused(
    pipeline_folder: Callable[[str], Path], folders: list[Path], tmp_path: Path
) -> None:
    base = pipeline_folder("wan22_ti2v")
    odd = [{"width": 40, "height": 32, "num_frames": 5}]
    for start in (describe, lambda config: FamilyTask(config, torch.device("cpu"))):
        with pytest.raises(DataError, match="nearest that fits is 5 frames of 32x32"):
            start(bucketed(base, folders[1:], tmp_path / "a", buckets=odd))
    with pytest.raises(ConfigError, match="given the first frame, and a still has no other"):
        FamilyTask(bucketed(pipeline_folder("wan21_i2v"), folders, tmp_path / "a"), torch.device("cpu"))
    with pytest.raises(ConfigError, match=r"buckets say the size of clips; leave data.height, data.num_frames"):
        config_of(base, folders[0], tmp_path / "a", buckets=BUCKETS)
