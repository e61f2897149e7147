"""What a job does: one call of the Python interface each. ``job_worker.KINDS`` names them."""

import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from physics_data.core.atomic import write_text
from physics_data.core.video import write_video
from worldsim.studio.job_worker import Progress
from worldsim.studio.scene_editing import read_scene
from worldsim.studio.workspace import Workspace

if TYPE_CHECKING:
    from worldsim.studio.dream import Dreamer
    from worldsim.studio.play_session import Recording


def simulate_scene(workspace: Workspace, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Simulate and film a scene; the video, the scene file and the whole scene are kept.

    Args:
        workspace: where to
        arguments: yaml, engine, seed
        progress: told how far it is
    """
    from physics_data.core.mechanics import kinetic_energy, potential_energy
    from physics_data.simulation import simulate_scene as simulate

    text, engine = str(arguments["yaml"]), str(arguments["engine"])
    loaded = read_scene(text, workspace, seed=int(arguments["seed"]))
    progress(0, None, "simulating and drawing")
    clip = simulate(loaded.spec, engine, caption=loaded.caption)
    folder = _folder(workspace, "simulated", arguments)
    write_video(folder / "video.mp4", clip.rgb, clip.meta.frame_rate, "yuv420p")
    write_text(folder / "scene.yaml", text)
    spec, _, trajectory = clip.labelled
    energies = {"kinetic": kinetic_energy(spec, trajectory), "potential": potential_energy(spec, trajectory)}
    facts = {
        "video": workspace.place(folder / "video.mp4"),
        "scene": workspace.place(folder / "scene.yaml"),
        "caption": clip.meta.caption,
        "engine": engine,
        "frame_rate": clip.meta.frame_rate,
        "sha256": hashlib.sha256(clip.rgb.tobytes()).hexdigest(),
        "events": [{"kind": e.kind, "seconds": e.seconds, "bodies": list(e.bodies)} for e in clip.meta.events],
        "energies": {name: [float(v) for v in values] for name, values in energies.items()},
    }
    write_text(folder / "record.json", json.dumps(facts, indent=1))
    return facts


def generate_video(workspace: Workspace, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Let a video model make a video of words.

    Args:
        workspace: where to
        arguments: prompt, seed, model
        progress: told how far it is
    """
    from worldsim.generator import VideoGenerator

    progress(0, None, "loading the model")
    generator = VideoGenerator.from_pretrained(str(arguments["model"]))
    prompt, seed = str(arguments["prompt"]), int(arguments["seed"])
    progress(0, None, "generating")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        video = generator(prompt, seed=seed)
    remarks = list(dict.fromkeys(str(one.message) for one in said if one.category is UserWarning))
    folder = _folder(workspace, "generated", arguments)
    write_video(folder / "video.mp4", video.frames, video.frame_rate, "yuv420p")
    facts = {
        "video": workspace.place(folder / "video.mp4"),
        "caption": prompt,
        "model": str(arguments["model"]),
        "seed": seed,
        "frame_rate": video.frame_rate,
        "remarks": remarks,
    }
    write_text(folder / "record.json", json.dumps(facts, indent=1))
    return facts


def build_clips(workspace: Workspace, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Build a dataset; one that was interrupted goes on with its next shard.

    Args:
        workspace: where to
        arguments: name, config (the fields of a ``BuildConfig``)
        progress: told how far it is
    """
    from physics_data.simulation import build_dataset

    folder = workspace.named("datasets", str(arguments["name"]))
    made = 0

    def count(clips: int) -> None:
        nonlocal made
        made += clips
        progress(made, int(arguments["clips"]), f"{made} clips")

    dataset = build_dataset(arguments["config"], folder, on_clips=count)
    return {"dataset": workspace.place(folder), "clips": len(dataset)}


def check_clips(workspace: Workspace, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Check every byte, label and law of a dataset.

    Args:
        workspace: where it is
        arguments: place
        progress: told how far it is
    """
    from physics_data.core.dataset import ShardDataset
    from physics_data.pipeline.check import check_dataset

    dataset = ShardDataset(workspace.path(str(arguments["place"])))
    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1
        progress(seen, len(dataset), f"{seen} of {len(dataset)} clips")

    report = check_dataset(dataset, count)
    return {
        "passed": dict(report.passed),
        "findings": [{"where": f.where, "check": f.check, "message": f.message} for f in report.findings],
    }


def audit_video(workspace: Workspace, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Look for what cannot happen in a video, without a reference.

    Args:
        workspace: where it is
        arguments: place
        progress: told how far it is
    """
    from eval.audit.folder import audit

    progress(0, None, "tracking")
    report = audit(workspace.path(str(arguments["place"])))
    assert not isinstance(report, list)  # one file
    return {"audit": report.model_dump(mode="json", exclude={"file", "sha256"})}


def score_videos(workspace: Workspace, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Score videos against the clips of a dataset and write the bundle.

    Args:
        workspace: where to
        arguments: videos, reference (places), name, split, num_conditioning_frames
        progress: told how far it is
    """
    import worldsim as ws
    from eval.report.bundle import write_bundle

    progress(0, None, "tracking and scoring")
    given = int(arguments["num_conditioning_frames"])
    reference = workspace.path(str(arguments["reference"]))
    evaluator = ws.Evaluator(reference, num_conditioning_frames=given, split=str(arguments["split"]) or None)
    scores = evaluator.score(workspace.path(str(arguments["videos"])))
    folder = workspace.named("scores", str(arguments["name"]))
    facts = {"reference": str(reference), "reference_digest": evaluator.dataset.digest, "videos": arguments["videos"]}
    write_bundle(folder, scores.rows, 0, facts, program="worldsim studio", num_conditioning_frames=given)
    return {"scores": workspace.place(folder)}


def replay_game(workspace: Workspace, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Play a recorded game again: the simulator's video, and the generator's of the same looks and seed.

    Args:
        workspace: where to
        arguments: place of the recording
        progress: told how far it is
    """
    from physics_data.core.config import read_json
    from worldsim.studio.dream import Dreamer
    from worldsim.studio.play_session import read_recording

    path = workspace.path(str(arguments["place"]))
    recording = read_recording(read_json(path))
    dreamer = Dreamer() if recording.looks else None
    try:
        real, dream = replay_videos(recording, dreamer, lambda done: progress(done, recording.frames, "replaying"))
    finally:
        if dreamer is not None:
            dreamer.close()
    rate = recording.scene.frame_rate
    facts: dict[str, Any] = {"frame_rate": rate, "sha256": hashlib.sha256(real.tobytes()).hexdigest()}
    for name, video in (("video", real), ("dream", dream)):
        if video is not None:
            file = path.with_name(f"{path.stem}-{name}.mp4")
            write_video(file, video, rate, "yuv420p")
            facts[name] = workspace.place(file)
    return facts | {"caption": f"replay of {path.stem}"}


def replay_videos(
    recording: "Recording", dreamer: "Dreamer | None", on_frame: Callable[[int], None] = lambda done: None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the simulator's frames, and those of the dream (None without one); equal recordings give equal bytes.

    The dream shows the simulator up to its first look, and from each look to the next what the generator made of the
    ``GIVEN`` frames before it.

    Args:
        recording: the game
        dreamer: process of the generator; None = no dream
        on_frame: told how many frames were simulated
    """
    from worldsim.studio.dream import GIVEN, dream_video
    from worldsim.studio.play_session import replay

    small = (64, 64) if dreamer is None else dreamer.model().size
    large, little = [], []
    for frame in replay(recording, small):
        assert frame.rgb is not None
        large.append(frame.rgb)
        little.append(frame.small)
        on_frame(len(large))
    real = np.stack(large)
    if dreamer is None or not recording.looks:
        return real, None
    seen = np.stack(little)
    dream = seen.copy()
    for number, look in enumerate(recording.looks):
        end = recording.looks[number + 1] if number + 1 < len(recording.looks) else recording.frames - 1
        if end <= look:
            continue
        start = seen[look - GIVEN + 1 : look + 1]
        pieces = dream_video(dreamer, start, recording.prompt, recording.seed, end - look)
        dream[look + 1 : end + 1] = np.concatenate(list(pieces))
    return real, dream


def _folder(workspace: Workspace, kind: str, arguments: dict[str, Any]) -> Path:
    """Return the folder of what these arguments make: the same work gives the same place."""
    digest = hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:16]
    folder = workspace.home / kind / digest
    folder.mkdir(parents=True, exist_ok=True)
    return folder
