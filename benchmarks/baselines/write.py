"""Write the videos of all baselines for the clips of a dataset."""

from collections.abc import Sequence
from pathlib import Path

from eval.scoring import reference_positions
from physics_data.core.atomic import atomic_folder
from physics_data.core.dataset import ShardDataset
from physics_data.core.video import write_video
from physics_data.renderers.base import Renderer


def write_baselines(
    dataset: ShardDataset,
    out: Path,
    split: str = "test",
    limit: int | None = None,
    names: Sequence[str] | None = None,
    renderer: Renderer | None = None,
) -> int:
    """Write ``out/<baseline>/<key>.mp4`` for the physics clips of a split; return the number of videos.

    limit takes the first clips in the dataset's order; names chooses baselines (default: all); renderer draws the
    altered scenes (default: the ray caster that drew the dataset).

    Raises:
        DataError: the split has no physics clip.
        UnknownNameError: no such baseline.
    """
    from benchmarks.baselines import BASELINES
    from physics_data.renderers import RENDERERS

    chosen = {name: BASELINES.get(name)() for name in (names or BASELINES)}
    positions = reference_positions(dataset, split)[:limit]
    drawer = renderer or RENDERERS.get("raycast")()
    for name, baseline in chosen.items():
        with atomic_folder(Path(out) / name) as folder:
            for position in positions:
                clip = dataset.load(position)
                write_video(folder / f"{clip.meta.key}.mp4", baseline.make(clip, drawer), clip.meta.frame_rate)
    return len(chosen) * len(positions)
