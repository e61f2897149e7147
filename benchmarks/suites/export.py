"""Write what models are given: a folder that any model can take."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from benchmarks.suites.suite import Prepared, SuiteInfo, Task
from physics_data.core.atomic import atomic_folder, write_text
from physics_data.core.errors import DataError
from physics_data.core.video import write_video

FORMAT = "worldsim.suite/1"
MANIFEST_NAME = "manifest.json"
SEEDS = (0, 1, 2, 3)
"""Generation seeds that a random model is asked for."""

_README = """# {name}: {summary}

{count} scenes. `manifest.json` and `scenes.csv` (the same as a table) list the model inputs of each scene:

| field | meaning |
|---|---|
| `key` | name of the scene, and of your video or table row |
| `prompt` | text prompt, in English |
| `first_frame` | PNG: conditioning image of an image-to-video model |
| `given_video` | MP4: {given} |
| `frame_rate`, `num_frames`, `width`, `height` | of the requested video, Hz, frames, pixels |
| `seconds` | from its first frame to its last |
| `camera` | position and target, m, z up; field of view, degrees |

{put_back}"""

_VIDEOS = """## Videos to return

One video per scene, starting with the conditioning frames (the first video frame is the first of them).
Conditioning frames are not scored, even if your model uses fewer of them:

    my_model/{example}.mp4           one video per scene
    my_model/seed1/{example}.mp4     several samples: seeds {seeds}, one folder each
    my_model/{example}.seed1.mp4     the same, by file name

- Any of {suffixes}; any frame rate: videos are compared in seconds. Any size of the same shape (width : height).
- Full length: missing frames at the end get the worst score. Frames after the end of the scene are ignored.
- A missing or unreadable video gets the worst score.

Then: `python -m benchmarks run {name}{options} --videos my_model --out results`
"""

_TABLE = """## Table to return

One table with a score for each scene, higher = more plausible. It is `my_model.csv`:

    key,score
    {example},-1.25

or `my_model.json`: `{{"{example}": -1.25, ...}}`. A scene without a finite score loses every comparison.

Then: `python -m benchmarks run {name}{options} --videos my_model.csv --out results`
"""


def export_tasks(info: SuiteInfo, prepared: Prepared, tasks: Iterable[Task], out: Path, options: str = "") -> int:
    """Write first frames, given videos, manifest, table and README; return the number of scenes.

    Raises:
        DataError: ``out`` holds other files, or the suite gives models nothing.
        StorageError: the disk refused.
    """
    from physics_data.core.video import VIDEO_SUFFIXES

    out = Path(out)
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST_NAME).is_file():
        raise DataError(f"{out} is not empty and no exported suite; give a new folder with --out.")
    records = []
    with atomic_folder(out) as folder:
        for name in ("first_frames", "given"):
            (folder / name).mkdir()
        for task in tasks:
            Image.fromarray(task.given[0]).save(folder / "first_frames" / f"{task.key}.png")
            write_video(folder / "given" / f"{task.key}.mp4", task.given, task.frame_rate)
            records.append(_record(task))
        if not records:
            raise DataError(f"suite '{info.name}' gives models nothing to start from; run it on any folder of videos.")
        facts = {"format": FORMAT, **prepared.facts, "fingerprint": prepared.fingerprint, "seeds": SEEDS}
        facts["num_conditioning_frames"] = prepared.num_conditioning_frames
        write_text(folder / MANIFEST_NAME, json.dumps({**facts, "scenes": records}, indent=1) + "\n")
        table = io.StringIO()
        flat = [{k: v for k, v in record.items() if k != "camera"} for record in records]
        writer = csv.DictWriter(table, flat[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
        write_text(folder / "scenes.csv", table.getvalue())
        frames = records[0]["given_frames"]
        given = f"the first {frames} frames, the condition of a continuing model"
        put_back = (_VIDEOS if info.wants == "videos" else _TABLE).format(
            name=info.name,
            example=records[0]["key"],
            seeds=", ".join(map(str, SEEDS)),
            suffixes=", ".join(sorted(VIDEO_SUFFIXES)),
            options=options,
        )
        text = _README.format(
            name=info.name,
            summary=info.summary,
            count=len(records),
            given=given if info.wants == "videos" else "the whole clip, which is judged",
            put_back=put_back,
        )
        write_text(folder / "README.md", text)
    return len(records)


def _record(task: Task) -> dict[str, object]:
    return {
        "key": task.key,
        "prompt": task.prompt,
        "scenario": task.scenario,
        "first_frame": f"first_frames/{task.key}.png",
        "given_video": f"given/{task.key}.mp4",
        "given_frames": len(task.given),
        "frame_rate": task.frame_rate,
        "num_frames": task.num_frames,
        "seconds": (task.num_frames - 1) / task.frame_rate,
        "width": task.width,
        "height": task.height,
        "camera": task.camera,
    }
