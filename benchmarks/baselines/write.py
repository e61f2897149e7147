"""Write the videos of all baselines for the clips of a dataset."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.baselines.base import NUM_CONDITIONING_FRAMES
from eval.inputs import RECORD_NAME
from eval.scoring import reference_positions
from physics_data.core.atomic import atomic_folder
from physics_data.core.dataset import ShardDataset
from physics_data.core.provenance import write_provenance
from physics_data.core.video import write_video
from physics_data.renderers.base import Renderer


def write_baselines(
    dataset: ShardDataset,
    out: Path,
    split: str = "test",
    limit: int | None = None,
    names: Sequence[str] | None = None,
    renderer: Renderer | None = None,
    num_conditioning_frames: int = NUM_CONDITIONING_FRAMES,
) -> int:
    """Write ``out/<baseline>/<key>.mp4`` for the physics clips of a split; return the number of videos.

    Every video begins with the ``num_conditioning_frames`` first frames of its clip. A record beside the videos says
    how many they are and of which dataset.

    limit takes the first clips in the dataset's order; names chooses baselines (default: all); renderer draws the
    altered scenes (default: the ray caster that drew the dataset).

    Raises:
        DataError: the split has no physics clip.
        UnknownNameError: no such baseline.
    """
    from benchmarks.baselines import BASELINES, CEILINGS
    from physics_data.renderers import RENDERERS

    chosen = {name: BASELINES.get(name)() for name in (names or BASELINES)}
    positions = reference_positions(dataset, split)[:limit]
    drawer = renderer or RENDERERS.get("raycast")()
    for name, baseline in chosen.items():
        with atomic_folder(Path(out) / name) as folder:
            for position in positions:
                clip = dataset.load(position)
                video = baseline.make(clip, drawer, num_conditioning_frames).copy()
                video[:num_conditioning_frames] = clip.rgb[:num_conditioning_frames]
                write_video(folder / f"{clip.meta.key}.mp4", video, clip.meta.frame_rate)
            kind = "ceiling" if name in CEILINGS else "dummy"
            facts = {"baseline": name, "kind": kind, "reference": dataset.digest}
            write_provenance(folder / RECORD_NAME, None, num_conditioning_frames=num_conditioning_frames, **facts)
    return len(chosen) * len(positions)
