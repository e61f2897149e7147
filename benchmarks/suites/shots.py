"""Do objects keep their colour, shape and size across a cut? Exact labels on one side, pixels on the other."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import UInt8

from benchmarks.suites.rollouts import BASELINES_FOLDER, Rollouts, build_reference, settings_of
from benchmarks.suites.suite import Edition, Prepared, Progress, Size, Submission, SuiteInfo, Task, find_submissions
from eval.metrics.shot_identity import SHOT_COLUMNS, shot_scores
from eval.report.table import Kind, SeedScore
from eval.scoring import load_for
from eval.store import code_fingerprint
from physics_data.core.atomic import atomic_folder
from physics_data.core.clip import Clip
from physics_data.core.errors import VideoError
from physics_data.core.scene import Body, Box, SceneSpec, Sphere
from physics_data.core.video import write_video
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.renderers import RENDERERS
from physics_data.scenes.materials import color

FIRST_SHOT = 17
"""Frames before the cut, all of which are given."""

_CUT_AT = FIRST_SHOT / 16

SCENE: dict[str, Any] = {
    "physics_rate": 960,
    "floor": {"look": "grey", "friction": 0.6, "bounce": 0.3},
    "bodies": {
        "ball": {
            "sphere": {"min": 0.16, "max": 0.22},
            "color": {"choose": ["red", "orange"]},
            "position": [{"min": -0.75, "max": -0.6}, {"min": -0.1, "max": 0.1}, 0.225],
            "velocity": [0, {"min": -0.15, "max": 0.15}, 0],
        },
        "crate": {
            "box": [{"min": 0.28, "max": 0.36}, {"min": 0.28, "max": 0.36}, {"min": 0.26, "max": 0.34}],
            "color": {"choose": ["blue", "purple"]},
            "offset": [{"min": -0.06, "max": 0.06}, {"min": 0.5, "max": 0.6}],
            "rotation": [0, 0, {"min": 0, "max": 90}],
        },
        "post": {
            "cylinder": [{"min": 0.1, "max": 0.13}, {"min": 0.45, "max": 0.6}],
            "color": {"choose": ["green", "yellow"]},
            "offset": [{"min": 0.6, "max": 0.75}, {"min": -0.4, "max": -0.2}],
        },
    },
    "camera": {
        "fov": 40,
        "path": [
            {"time": 0, "position": [0, -3.2, 2.4], "target": [0, 0.05, 0.15]},
            {
                "time": _CUT_AT,
                "position": {"choose": [[-2.2, -2.3, 2.3], [2.2, -2.3, 2.5], [2.9, 0.9, 2.6], [-2.9, 0.9, 2.6]]},
                "target": [0, 0.05, 0.15],
                "cut": True,
            },
        ],
    },
}
"""Three objects of three shapes on a grey floor, and a cut to another view of them."""

_PROMPT = "{caption}, in two shots: after {seconds:.2g} s a cut to another view of the same objects"


class Shots(Rollouts):
    """A first shot is given; the second shows the same objects from elsewhere."""

    info: ClassVar[SuiteInfo] = SuiteInfo(
        "shots",
        "objects keep their colour, shape and size across a cut",
        SHOT_COLUMNS,
        ("shot_color", "shot_shape", "shot_size", "shot_identity"),
        num_conditioning_frames=FIRST_SHOT,
    )
    scenarios: ClassVar[tuple[str, ...]] = ()
    scenes: ClassVar[Mapping[Size, int]] = {"quick": 8, "full": 100}

    def config(self, edition: Edition) -> BuildConfig:
        """Return the recipe of the clips."""
        return BuildConfig(
            seed=edition.root_seed(self.info.name),
            scenes={"two_shots": SCENE},
            scenes_per_scenario=SplitSizes(train=0, test=self.scenes[edition.size]),
            engines=("mujoco",),
            settings=settings_of(edition),
        )

    def prepare(self, edition: Edition, cache: Path, workers: int, progress: Progress) -> Prepared:
        """Build the reference, or find it in the cache."""
        built = build_reference(self.info.name, edition, self.config(edition), cache, workers, progress)
        return replace(built, num_conditioning_frames=FIRST_SHOT)

    def tasks(self, prepared: Prepared) -> Iterator[Task]:
        """Yield the first shot of every clip, and a prompt that announces the cut; the camera is that of both shots."""
        for task in super().tasks(prepared):
            yield replace(task, prompt=_PROMPT.format(caption=task.prompt, seconds=FIRST_SHOT / task.frame_rate))

    def baselines(self, prepared: Prepared, progress: Progress) -> tuple[list[Submission], Mapping[str, Kind]]:
        """Draw the truth, second shots in which something changed, and one that never cuts."""
        dataset = self._dataset(prepared)
        root = dataset.folder / BASELINES_FOLDER / code_fingerprint(Path(__file__).parent)
        found: list[Submission] = []
        for number, (name, make) in enumerate(CONTROLS.items()):
            progress("drawing baselines", number, len(CONTROLS))
            if not (root / name).is_dir():
                with atomic_folder(root / name) as folder:
                    for position in range(len(dataset)):
                        clip = dataset.load(position)
                        video = np.concatenate([clip.rgb[:FIRST_SHOT], make(clip)[FIRST_SHOT:]])
                        write_video(folder / f"{clip.meta.key}.mp4", video, clip.meta.frame_rate)
            found += find_submissions(root / name, prepared.keys, name)
        progress("drawing baselines", len(CONTROLS), len(CONTROLS))
        return found, {name: "ceiling" if name == "simulator" else "control" for name in CONTROLS}

    def score(self, prepared: Prepared, submission: Submission, keys: Collection[str]) -> Sequence[SeedScore]:
        """Look for the objects in the second shot of every video."""
        dataset = self._dataset(prepared)
        return [_row(dataset.load(dataset.find(key)), submission) for key in keys]

    def gallery(
        self, prepared: Prepared, submissions: Sequence[Submission], rows: Sequence[SeedScore], count: int, out: Path
    ) -> dict[str, Any]:
        """Draw nothing: strips and curves show tracks, and nothing is tracked across a cut."""
        return {}


def _row(clip: Clip, submission: Submission) -> SeedScore:
    meta = clip.meta
    path = submission.files.get(meta.key)
    worst = dict.fromkeys(SHOT_COLUMNS, 0.0)
    facts = (submission.system, meta.key, clip.labelled[0].scenario, meta.engine or "")
    if path is None:
        return SeedScore(*facts, "missing", "no video", "", dict(worst), submission.seed)
    try:
        video = load_for(clip, path)
    except VideoError as error:
        return SeedScore(*facts, "unreadable", " ".join(str(error).split()), "", dict(worst), submission.seed)
    status, reason = "ok", ""
    if not video.covered.all():
        status, reason = "short", f"ends after {int(video.covered.sum())} of {meta.num_frames} frames"
    return SeedScore(*facts, status, reason, video.sha256, {**shot_scores(video.rgb, clip)}, submission.seed)


def _redrawn(change: Callable[[tuple[Body, ...]], tuple[Body, ...]]) -> Callable[[Clip], UInt8[np.ndarray, "t h w 3"]]:
    """Return what draws a clip's motion with other bodies."""

    def draw(clip: Clip) -> UInt8[np.ndarray, "t h w 3"]:
        spec, _, trajectory = clip.labelled
        other: SceneSpec = spec.model_copy(update={"bodies": change(spec.bodies)})
        return RENDERERS.get("raycast")().render(other, trajectory, ()).rgb

    return draw


def _with_ball(bodies: tuple[Body, ...], **values: Any) -> tuple[Body, ...]:
    return tuple(body.edited(**values) if body.name == "ball" else body for body in bodies)


def _ball(bodies: tuple[Body, ...]) -> tuple[Body, float]:
    ball = next(body for body in bodies if body.name == "ball")
    assert isinstance(ball.shape, Sphere)
    return ball, ball.shape.radius


def _recolored(bodies: tuple[Body, ...]) -> tuple[Body, ...]:
    used = {body.appearance.color_name for body in bodies}
    name = next(name for name in ("yellow", "green", "blue") if name not in used)
    look = _ball(bodies)[0].appearance
    return _with_ball(bodies, appearance=look.edited(color_name=name, albedo=color(name)[1]))


def _swapped(bodies: tuple[Body, ...]) -> tuple[Body, ...]:
    looks = {body.name: body.appearance for body in bodies}
    other = {"ball": looks["crate"], "crate": looks["ball"]}
    return tuple(body.edited(appearance=other.get(body.name, body.appearance)) for body in bodies)


def _resized(bodies: tuple[Body, ...]) -> tuple[Body, ...]:
    return _with_ball(bodies, shape=Sphere(radius=1.4 * _ball(bodies)[1]))


def _reshaped(bodies: tuple[Body, ...]) -> tuple[Body, ...]:
    radius = _ball(bodies)[1]
    return _with_ball(bodies, shape=Box(half_extents=(radius, 0.6 * radius, 0.8 * radius)))


CONTROLS: dict[str, Callable[[Clip], UInt8[np.ndarray, "t h w 3"]]] = {
    "simulator": lambda clip: clip.rgb,
    "recolored": _redrawn(_recolored),
    "swapped": _redrawn(_swapped),
    "resized": _redrawn(_resized),
    "reshaped": _redrawn(_reshaped),
    "no_cut": lambda clip: np.repeat(clip.rgb[FIRST_SHOT - 1 : FIRST_SHOT], len(clip.rgb), axis=0),
}
"""The truth, and second shots in which the ball has another colour, has exchanged colours with the crate, has 1.4 times
the radius, or is a block; and a video that stands still instead of cutting."""
