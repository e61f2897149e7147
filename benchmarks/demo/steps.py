"""The steps of the demo: the same commands a user would type, one after the other."""

from dataclasses import dataclass
from pathlib import Path

CONFIGS = Path("configs")

PROMPTS = {
    "red_ball_falls": "a red ball falls onto the floor",
    "blue_ball_falls": "a blue ball falls onto the floor",
    "green_ball_thrown": "a green ball is thrown to the right",
    "yellow_ball_behind_screen": "a yellow ball passes behind a grey screen",
}
"""File name → prompt of the videos made from text alone."""

NUM_GIVEN = 5
"""Frames of each test clip that the generator is given to continue."""

FOOTAGE_SHARE = 0.2
"""Share of real footage in the training mixture, where there is any."""


@dataclass(frozen=True)
class Step:
    """One command: a short name, what it does in words, and its arguments after ``python -m``."""

    name: str
    purpose: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class DemoFolders:
    """Where the demo writes, all under one folder."""

    root: Path

    @property
    def physics(self) -> Path:
        """Physics dataset."""
        return self.root / "physics"

    @property
    def footage(self) -> Path:
        """Footage dataset."""
        return self.root / "footage"

    @property
    def vae(self) -> Path:
        """Run folder of the VAE."""
        return self.root / "vae"

    @property
    def dit(self) -> Path:
        """Run folder of the DiT."""
        return self.root / "dit"

    @property
    def prompted(self) -> Path:
        """Videos made from text alone."""
        return self.root / "samples"

    @property
    def systems(self) -> Path:
        """One folder of videos per system under comparison."""
        return self.root / "systems"

    @property
    def scores(self) -> Path:
        """Score bundle."""
        return self.root / "scores"

    @property
    def report(self) -> Path:
        """The page and its pictures."""
        return self.root / "report"

    @property
    def record(self) -> Path:
        """Times and memory of the steps."""
        return self.root / "steps.json"


def demo_steps(folders: DemoFolders, footage: Path | None) -> list[Step]:
    """Return the commands of the demo, in order."""
    data = ("--set", f"data.sources.0.path={folders.physics}")
    if footage is not None:
        source = f"{{path: {folders.footage}, weight: {FOOTAGE_SHARE}}}"
        data = (
            "--set",
            f"data.sources=[{{path: {folders.physics}, weight: {1 - FOOTAGE_SHARE}}}, {source}]",
        )
    steps = [
        Step(
            "physics clips",
            "simulate four scenarios on two engines and draw them",
            ("physics_data", "build", "--config", str(CONFIGS / "data_demo.yaml"), "--out", str(folders.physics)),
        )
    ]
    if footage is not None:
        steps.append(
            Step(
                "real footage",
                "cut and resample your videos into clips of the same shape",
                ("worldsim", "ingest", str(footage), "--out", str(folders.footage)),
            )
        )
    steps += [
        Step(
            "video VAE",
            "learn to compress video into latents",
            ("worldsim", "train", "--config", str(CONFIGS / "vae_demo.yaml"), "--out", str(folders.vae), *data),
        ),
        Step(
            "diffusion transformer",
            "learn to generate latents from a prompt or first frames",
            (
                *("worldsim", "train", "--config", str(CONFIGS / "dit_demo.yaml"), "--out", str(folders.dit), *data),
                *("--set", f"task.vae={folders.vae}"),
            ),
        ),
        *(
            Step(
                f"sample: {prompt}",
                "generate a video from text alone",
                (
                    *("worldsim", "sample", "--model", str(folders.dit), "--prompt", prompt),
                    *("--out", str(folders.prompted / f"{name}.mp4")),
                ),
            )
            for name, prompt in PROMPTS.items()
        ),
        Step(
            "continuations",
            f"continue the first {NUM_GIVEN} frames of every test clip",
            (
                *("worldsim", "sample", "--model", str(folders.dit), "--reference", str(folders.physics)),
                *("--split", "test", "--num-given", str(NUM_GIVEN), "--out", str(folders.systems / "demo_model")),
            ),
        ),
        Step(
            "baselines",
            "make the pinned dummies and the simulator's own videos",
            ("benchmarks", "baselines", str(folders.physics), "--split", "test", "--out", str(folders.systems)),
        ),
        Step(
            "scores",
            "track objects in all videos and score them",
            (
                *("eval", "score", str(folders.systems), "--reference", str(folders.physics), "--split", "test"),
                *("--out", str(folders.scores)),
            ),
        ),
    ]
    return steps
