"""The steps of the demo: the same commands a user would type, one after the other."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from physics_data.core.config import load_config
from physics_data.core.program import messages
from physics_data.engines import ENGINES
from physics_data.pipeline.build_config import BuildConfig

CONFIGS = Path("configs")

PROMPTS = (
    "a red ball falls onto the floor",
    "a blue ball falls onto the floor",
    "a green ball is thrown to the right",
    "a yellow ball passes behind a grey screen",
)
"""What the videos made from text alone shall show."""

MODEL = "demo_model"
"""What the trained model is called beside the baselines."""

SHOWN_BASELINES = (
    "simulator",
    "constant_velocity",
    "object_removed",
    "reversed",
    "given_then_frozen",
    "frozen_first_frame",
)
"""Those of all that tell most in one table."""

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

    @property
    def command(self) -> str:
        """The command as it is typed in a shell."""
        return shlex.join(["python", "-m", *self.arguments])


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
    config = load_config(BuildConfig, CONFIGS / "data_demo.yaml")
    settings, missing = config.settings, ENGINES.missing(config.engines)
    build = ("physics_data", "build", "--config", str(CONFIGS / "data_demo.yaml"), "--out", str(folders.physics))
    if missing:
        messages.print(f"[yellow]One engine in place of two: {' '.join(missing.values())}[/yellow]")
        build += ("--set", f"engines=[{', '.join(name for name in config.engines if name not in missing)}]")
    sources = [f"{{path: {folders.physics}, weight: {1 if footage is None else 1 - FOOTAGE_SHARE}}}"]
    steps = [
        Step(
            "physics clips",
            "simulate four scenarios on two engines and draw them",
            build,
        )
    ]
    if footage is not None:
        sources.append(f"{{path: {folders.footage}, weight: {FOOTAGE_SHARE}}}")
        size = ("--num-frames", str(settings.num_frames), "--frame-rate", f"{settings.frame_rate:g}")
        size += ("--height", str(settings.height), "--width", str(settings.width))
        steps.append(
            Step(
                "real footage",
                "cut and resample your videos into clips of the same shape",
                ("worldsim", "ingest", str(footage), "--out", str(folders.footage), *size),
            )
        )
    data = ("--set", f"data.sources=[{', '.join(sources)}]")
    return [
        *steps,
        Step(
            "video VAE",
            "the built-in VAE trains on: compress video into latents",
            ("worldsim", "train", "--config", str(CONFIGS / "vae_demo.yaml"), "--out", str(folders.vae), *data),
        ),
        Step(
            "diffusion transformer",
            "the built-in generator trains on: latents from a prompt or first frames",
            (
                *("worldsim", "train", "--config", str(CONFIGS / "dit_demo.yaml"), "--out", str(folders.dit), *data),
                *("--set", f"vae={folders.vae}"),
            ),
        ),
        Step(
            "prompts",
            "generate videos from text alone",
            (
                *("worldsim", "sample", "--model", str(folders.dit), "--out", str(folders.prompted)),
                *(part for prompt in PROMPTS for part in ("--prompt", prompt)),
            ),
        ),
        Step(
            "continuations",
            f"continue the first {NUM_GIVEN} frames of every test clip",
            (
                *("worldsim", "sample", "--model", str(folders.dit), "--reference", str(folders.physics)),
                *(
                    "--split",
                    "test",
                    "--num-conditioning-frames",
                    str(NUM_GIVEN),
                    "--out",
                    str(folders.systems / MODEL),
                ),
            ),
        ),
        Step(
            "baselines",
            "make the control baselines and the simulator's own videos",
            (
                *("benchmarks", "baselines", str(folders.physics), "--split", "test", "--out", str(folders.systems)),
                *("--num-conditioning-frames", str(NUM_GIVEN)),
                *(part for name in SHOWN_BASELINES for part in ("--only", name)),
            ),
        ),
        Step(
            "scores",
            "track objects in all videos and score them",
            (
                *("eval", "score", str(folders.systems), "--reference", str(folders.physics), "--split", "test"),
                *("--out", str(folders.scores), "--workers", "2"),
            ),
        ),
    ]
