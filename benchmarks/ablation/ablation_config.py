"""Config of an ablation: shared settings, variants, targets and guards, and the columns that are measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from physics_data.core.config import StrictModel
from physics_data.core.errors import suggest
from worldsim.sampling import SamplingConfig


@dataclass(frozen=True)
class Column:
    """One number per clip.

    metric:     name of the metric of ``eval`` that gives it; None = it is made here
    direction:  which values are better; "either" = the sign says what happens, and none is better
    best:       the value of the truth; None = there is no bound
    """

    title: str
    unit: str
    direction: Literal["higher", "lower", "either"]
    best: float | None
    metric: str | None = None


COLUMNS: dict[str, Column] = {
    "permanence_failure": Column("scenes with survival < 0.5", "share", "lower", 0.0),
    "lost_share": Column("sightings lost, 1 - survival", "1", "lower", 0.0),
    "count": Column("count", "1", "higher", 1.0, "count"),
    "identity_error": Column("identity error, 1 - IDF1", "1", "lower", 0.0),
    "identity_switches": Column("identity switches a clip", "count", "lower", 0.0),
    "attributes": Column("attributes", "1", "higher", 1.0, "attributes"),
    "color_error": Column("change of colour", "grey levels", "lower", 0.0),
    "size_error": Column("change of area", "abs. log2", "lower", 0.0),
    "position_error": Column("position error", "diameters", "lower", 0.0),
    "velocity_error": Column("velocity error", "diameters/frame", "lower", 0.0),
    "speed_gain": Column("speed made over true speed", "log2", "either", 0.0),
    "inertia_error": Column("error of steady horizontal motion", "relative", "lower", 0.0, "velocity_error"),
    "gravity_error": Column("gravity error", "relative", "lower", 0.0, "gravity_error"),
    "momentum": Column("momentum kept", "1", "higher", 1.0, "momentum"),
    "energy": Column("energy not gained", "1", "higher", 1.0, "energy"),
    "psnr": Column("PSNR", "dB", "higher", None),
    "ssim": Column("SSIM", "1", "higher", 1.0),
    "stillness": Column("motion energy off the truth's", "abs. log2", "lower", 0.0),
    "blur": Column("edge energy off the truth's", "abs. log2", "lower", 0.0),
}
"""The columns of ``scenes.csv``, in order. What they mean exactly is said in ``docs/ablation.md``."""

ARROWS = {"higher": "↑", "lower": "↓", "either": "–"}

SET_COLUMNS: dict[str, Column] = {
    "frechet": Column("Fréchet distance to the truth", "1", "lower", 0.0),
}
"""What is measured of all continuations of a split together."""

Overrides = tuple[str, ...]
"""``section.key=value`` of the train config; $NAME is the folder of a dataset of ``more_data``."""

Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]
Ratio = Annotated[float, Field(gt=0)]


class Continuation(StrictModel):
    """How held-out clips are continued. The noise of a clip is the same for all variants of a seed.

    sampling:     solver, steps and guidance
    num_conditioning_frames:  first frames that are given, 4 k + 1
    batch_size:  clips at once, which changes no video
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"drawing": "sampling", "num_given": "num_conditioning_frames"}

    num_conditioning_frames: Count = 5
    batch_size: Count = 20
    sampling: SamplingConfig = SamplingConfig(num_steps=12, guidance_scale=1.0)


class Target(StrictModel):
    """What a variant is asked for: the mean error at most so many times the reference's.

    column:   an error, that is a column whose best value is 0
    clips:    a name of ``held_out``
    at_most:  ratio of the variant's mean over scenes to the reference's
    """

    column: str
    clips: str
    at_most: Ratio


class Guard(StrictModel):
    """What may not be paid: a column may not be worse than the reference's by more than the margin, anywhere.

    column:  a measured column
    margin:  in the column's unit; the whole 95 % interval must stay within it
    """

    column: str
    margin: Annotated[float, Field(ge=0)]


class Base(StrictModel):
    """What the variants go on from.

    overrides:  of the base's training, e.g. its number of steps
    seed:       of the one base that all share; None trains one for each seed
    folder:     run or model folder of a trained transformer that is taken instead
    """

    overrides: Overrides = ()
    seed: Annotated[int, Field(ge=0)] | None = None
    folder: Path | None = None

    @model_validator(mode="after")
    def _is_made_or_taken(self) -> "Base":
        if self.folder is not None and (self.overrides or self.seed is not None):
            raise ValueError("a base in folder is trained already; leave overrides and seed out")
        return self


class AblationConfig(StrictModel):
    """One ablation: datasets, one VAE, one base (or one for each seed), and every variant from there.

    seeds:       training seeds; each variant is trained with each
    continuation:  how held-out clips are continued
    targets:     largest errors that are asked for
    guards:      columns that may not become worse
    data:        config of ``python -m physics_data build`` with the clips of training and all held-out ones
    more_data:   further datasets that overrides name, e.g. pairs
    vae:         config of ``python -m worldsim train`` for the VAE all share
    train:       config of the transformer; ``out``, ``vae``, ``seed`` and ``data.sources`` are filled in
    common:      overrides of every run, of the base too
    base:        None lets every variant start from random weights
    run:         overrides of every variant, after ``common``
    variants:    name → its own overrides, after all others
    reference:   the variant that the others are compared with
    held_out:    name → split of ``data``, or a part of it: "ood/free_drop" is a scenario that is held out, or the
                 held-out ranges of one that is trained on, "ood/fast_red" a held-out combination
    columns:     what is measured, from ``benchmarks.ablation.ablation_config``
    shown:       held-out scenes of each split in the picture
    """

    data: Path
    more_data: dict[Name, Path] = {}
    vae: Path
    train: Path
    common: Overrides = ()
    base: Base | None = None
    run: Overrides = ()
    variants: Annotated[dict[Name, Overrides], Field(min_length=2)]
    reference: str
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0, 1, 2)
    held_out: Annotated[dict[Name, str], Field(min_length=1)] = {"in_distribution": "test", "out_of_range": "ood"}
    continuation: Continuation = Continuation()
    columns: tuple[str, ...] = tuple(COLUMNS)
    targets: tuple[Target, ...] = ()
    guards: tuple[Guard, ...] = ()
    shown: Count = 4

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in COLUMNS:
                raise ValueError(f"column '{name}' is unknown: {suggest(name, COLUMNS)}")
        return names

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds {list(seeds)} hold one twice; a run is named by its variant and seed")
        return seeds

    @model_validator(mode="after")
    def _names_fit(self) -> "AblationConfig":
        if self.reference not in self.variants:
            raise ValueError(f"reference '{self.reference}' is no variant: {suggest(self.reference, self.variants)}")
        if "data" in self.more_data:
            raise ValueError("more_data: 'data' is the name of the main dataset; choose another")
        measured = {*self.columns, *SET_COLUMNS}
        for asked in (*self.targets, *self.guards):
            if asked.column not in measured:
                raise ValueError(f"'{asked.column}' is asked for and not measured: {suggest(asked.column, measured)}")
        for target in self.targets:
            if target.clips not in self.held_out:
                raise ValueError(f"targets: clips '{target.clips}': {suggest(target.clips, self.held_out)}")
            if ({**COLUMNS, **SET_COLUMNS})[target.column].best != 0.0:
                raise ValueError(f"targets: '{target.column}': a ratio needs an error, whose best value is 0")
        return self
