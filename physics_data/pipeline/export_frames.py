"""Clips as folders of pictures."""

from pathlib import Path

from physics_data.core.atomic import atomic_folder
from physics_data.core.clip import Clip
from physics_data.core.video import write_video
from physics_data.pipeline.export_members import npz_of, png_of, record_of


def write_frames(clip: Clip, folder: Path) -> None:
    """Write a clip: ``rgb/00000.png``, ``instance_ids/00000.png``, ``labels.npz`` with all arrays, ``clip.json``."""
    videos = {"rgb": clip.rgb} | ({"instance_ids": clip.rendering.instance_ids} if clip.rendering else {})
    with atomic_folder(folder) as partial:
        for name, video in videos.items():
            (partial / name).mkdir()
            for number, picture in enumerate(video):
                (partial / name / f"{number:05d}.png").write_bytes(png_of(picture))
        (partial / "clip.json").write_bytes(record_of(clip))
        if clip.rendering is not None:
            (partial / "labels.npz").write_bytes(npz_of(clip))


def write_task(clip: Clip, folder: Path) -> None:
    """Write a clip as a task for a generator: first frame and prompt, and the last frame and video to compare with."""
    with atomic_folder(folder) as partial:
        (partial / "first_frame.png").write_bytes(png_of(clip.rgb[0]))
        (partial / "final_frame.png").write_bytes(png_of(clip.rgb[-1]))
        (partial / "prompt.txt").write_text(clip.meta.caption + "\n", encoding="utf-8")
        write_video(partial / "ground_truth.mp4", clip.rgb, clip.meta.frame_rate)
