"""The configs of training runs: one schema for each stage, read from ``configs/*.yaml``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from physics_data.core.config import StrictModel
from worldsim.data.augmentation import Augment
from worldsim.data.sources import DEFAULT_LABELS
from worldsim.losses.denoising import DiTObjective
from worldsim.losses.vae_objective import VAEObjective
from worldsim.model import DiTConfig
from worldsim.model.lora import LoraSettings
from worldsim.model.upsampler import UpsamplerConfig
from worldsim.probes import ProbesConfig
from worldsim.prompt import TextEncoder, WordTokenizer
from worldsim.sampling import SamplingConfig
from worldsim.vae import VideoVAEConfig

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Points = Annotated[tuple[tuple[Annotated[int, Field(ge=0)], Annotated[float, Field(ge=0)]], ...], Field(min_length=1)]


class SourceConfig(StrictModel):
    """One dataset folder of a mixture, or physics clips made on the fly.

    path:        dataset folder; or the YAML file of ``python -m physics_data build``, whose clips are then simulated
                 and drawn when they are needed, and never stored
    weight:      relative share of the clips of a run that come from here; or points [[step, weight], ...], between
                 which the shares change linearly, e.g. [[0, 1], [2000, 0.2]]
    name:        what logs and pictures call it; the name of the folder or file if not given
    workers:     processes that make clips on the fly
    annotations: annotators (``python -m worldsim annotate``) whose pseudo-labels are read, where no exact label is
    include_impossible:  train on the clips of pairs that cannot happen, too
    """

    path: Path
    weight: Positive | Points = 1.0
    name: str | None = None
    annotations: tuple[str, ...] = ()
    workers: Annotated[int, Field(ge=0)] = 1
    include_impossible: bool = False

    @property
    def label(self) -> str:
        """The name, or that of the folder or file."""
        return self.name or (self.path.stem if self.on_the_fly else self.path.name)

    @property
    def on_the_fly(self) -> bool:
        """Whether clips are made when they are needed."""
        return self.path.suffix in (".yaml", ".yml")


class CropConfig(StrictModel):
    """Training on random parts of the clips.

    num_frames:          frames of a crop
    height, width:       of a crop, pixels
    centre_probability:  that a crop of a labelled clip is placed around a random pixel of a random instance
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"centre_share": "centre_probability"}

    num_frames: Count
    height: Count
    width: Count
    centre_probability: Share = 0.0


class PackingConfig(StrictModel):
    """Clips of any size, length and rate in one batch, several in a row of tokens that do not see each other.

    row_tokens:    tokens of a row; the longest clip must fit
    window_steps:  steps whose clips are packed together; more of them leave less padding
    """

    row_tokens: Count = 1024
    window_steps: Count = 8


class DataConfig(StrictModel):
    """What is trained on. Every clip must have this size and rate; of longer clips random stretches are taken.

    With ``packing`` (task dit) clips may have any size, length and rate that the VAE takes; num_frames, height, width
    and frame_rate are then those of the videos that a run samples to show where it stands.

    sources:  datasets and their shares
    num_frames:  frames of a clip
    height, width:  of a clip, pixels
    in_memory:  keep decoded clips in memory
    crop:     train on random crops; None = whole clips
    packing:  clips of different sizes in one row of tokens; None = one size
    split:    what is trained on
    validation_fraction:  fraction of split "train" that is held back for validation, in datasets without split "val"
    labels:   what is read beside pixels (``worldsim.data.labels``), where a clip has it
    augment:  random changes of clips (task vae)

    Units:
        frame_rate:  Hz
    """

    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    split: Literal["train"] = "train"
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    num_frames: Count = 17
    height: Count = 64
    width: Count = 64
    frame_rate: Positive = 16.0
    in_memory: bool = True
    labels: tuple[str, ...] = DEFAULT_LABELS
    augment: Augment = Augment()
    crop: CropConfig | None = None
    packing: PackingConfig | None = None

    @model_validator(mode="after")
    def _crop_fits(self) -> "DataConfig":
        for side in ("num_frames", "height", "width"):
            if self.crop is not None and getattr(self.crop, side) > getattr(self, side):
                raise ValueError(f"crop.{side} {getattr(self.crop, side)} is more than {side} {getattr(self, side)}")
        return self


class OptimizerConfig(StrictModel):
    """How weights are updated.

    name:                 ``adamw`` or ``muon``; ``adamw_8bit`` keeps AdamW's moments in 8 bits (bitsandbytes), and
                          ``paged_adamw_8bit`` lets them move to the CPU's memory where the GPU's is short
    weight_decay:         decoupled weight decay
    beta1, beta2:         decay of the first and second moment
    warmup_steps:         steps of linear warm-up
    learning_rate:        peak of AdamW
    muon_learning_rate:   peak of Muon, for ``name: muon``
    adamw_for:            names of weights (how they begin) that AdamW keeps, for ``name: muon``
    final_fraction:       learning rate of the last step / peak
    max_gradient_norm:    longer gradients are scaled down to this norm
    clipping:             ``adaptive`` scales down to the mean of past norms + 3 standard deviations where that is less
    """

    name: Literal["adamw", "muon", "adamw_8bit", "paged_adamw_8bit"] = "adamw"
    learning_rate: Positive = 1e-3
    muon_learning_rate: Positive = 1e-2
    adamw_for: tuple[str, ...] = ()
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.99
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    final_fraction: Share = 0.05
    max_gradient_norm: Positive = 1.0
    clipping: Literal["fixed", "adaptive"] = "fixed"

    @property
    def has_8bit_moments(self) -> bool:
        """Whether moments are kept in 8 bits."""
        return self.name.endswith("8bit")


class HardwareConfig(StrictModel):
    """Where a run computes; never changes what is learned, apart from rounding.

    precision:  number format of the forward and backward pass
    prefetch:   batches made ahead while the model computes; 0 makes each when it is needed
    device:     ``auto`` takes an accelerator if there is one
    threads:    CPU threads; 0 leaves the choice to torch
    compile:    let torch compile the model, which pays on a GPU and needs a C++ compiler
    recompute:  compute each block again in the backward pass instead of keeping what it held (task dit): less memory
    sharding:   several processes share out weights, averages and optimiser states (FSDP2) instead of each holding all
    """

    prefetch: Annotated[int, Field(ge=0)] = 2
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"
    threads: Annotated[int, Field(ge=0)] = 0
    compile: bool = False
    recompute: bool = False
    sharding: bool = False


class ReportConfig(StrictModel):
    """What a run writes and when it stops early; never changes what is learned. Intervals are in steps.

    log_every, picture_every, checkpoint_every:  steps between two
    max_minutes:       stop after this training time, summed over resumed parts, even if steps are left
    keep_checkpoints:  older ones are deleted
    validate_every:    steps between measurements on validation clips; a multiple of log_every, None = never
    max_skipped:      updates in a row that may be skipped because loss or gradient is no number; one more ends the run
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"most_skipped": "max_skipped"}

    log_every: Count = 10
    picture_every: Count = 200
    checkpoint_every: Count = 200
    keep_checkpoints: Count = 2
    max_minutes: Positive | None = None
    validate_every: Count | None = None
    max_skipped: Annotated[int, Field(ge=0)] = 4

    @model_validator(mode="after")
    def _checkpoints_at_log_lines(self) -> "ReportConfig":
        if self.checkpoint_every % self.log_every:
            raise ValueError(
                f"checkpoint_every {self.checkpoint_every} must be a multiple of log_every {self.log_every}, so that a "
                f"resumed run logs the same lines; write {-(-self.checkpoint_every // self.log_every) * self.log_every}"
            )
        if self.validate_every is not None and self.validate_every % self.log_every:
            raise ValueError(
                f"validate_every {self.validate_every} must be a multiple of log_every {self.log_every}, so that both "
                f"stand in one line; write {-(-self.validate_every // self.log_every) * self.log_every}"
            )
        return self


class TrainConfig(StrictModel):
    """What every stage has.

    seed:             of weights, batches and noise
    num_steps:        optimizer steps
    batch_size:       clips in a step, over all processes
    data:             clips to train on
    optimizer:        optimizer and learning rate
    hardware:         precision, processes, memory
    report:           logs, pictures and checkpoints
    out:              the run's folder
    ema_decay:        of the averaged weights, which are what is exported and sampled from
    more_ema_decays:  further averages, stored and measured beside
    """

    UNTRACKED: ClassVar[frozenset[str]] = frozenset({"out", "hardware", "report"})
    """Sections that may change when a run is resumed."""

    task: str
    out: Path
    seed: Annotated[int, Field(ge=0)] = 0
    num_steps: Count
    batch_size: Count = 8
    ema_decay: Decay = 0.99
    more_ema_decays: tuple[Decay, ...] = ()
    data: DataConfig
    optimizer: OptimizerConfig = OptimizerConfig()
    hardware: HardwareConfig = HardwareConfig()
    report: ReportConfig = ReportConfig()

    @model_validator(mode="after")
    def _warmup_ends(self) -> "TrainConfig":
        if self.optimizer.warmup_steps >= self.num_steps:
            raise ValueError(
                f"optimizer.warmup_steps {self.optimizer.warmup_steps} must be less than num_steps {self.num_steps}; "
                f"add --set optimizer.warmup_steps={self.num_steps // 4}"
            )
        if self.hardware.sharding and self.optimizer.has_8bit_moments:
            raise ValueError(
                f"optimizer.name {self.optimizer.name} and hardware.sharding exclude each other; write adamw"
            )
        return self


class TokenizerConfig(StrictModel):
    """How captions become numbers: words get ids, or a pretrained encoder reads them.

    max_words:    most words, or pieces of words, of a caption
    num_buckets:  ids; as many words of the training captions, the most frequent first, have one of their own
    encoder:      folder or hub name of a transformers text encoder; None learns words from the captions
    """

    max_words: Count = 24
    num_buckets: Count = 512
    encoder: str | None = None

    def build(self, vocabulary: Sequence[str] | None = None, *, hashed: bool = False) -> TextEncoder:
        """Return the tokenizer of a vocabulary (see ``WordTokenizer``), or the encoder, which needs none.

        Raises:
            ConfigError: there is no such encoder.
        """
        if self.encoder is None:
            return WordTokenizer(self.max_words, self.num_buckets, vocabulary, hashed=hashed)
        from worldsim.prompt.tokenizer import PretrainedTextEncoder  # imports transformers

        return PretrainedTextEncoder(self.encoder, self.max_words)


class PictureConfig(StrictModel):
    """The videos that a training run samples to show where it stands: for prompts, and as continuations.

    prompts:        one video each
    sampling:        solver, steps and guidance
    num_conditioning_frames:  first frames that are given to a continuation, 4 k + 1
    num_continued:  validation clips of each source that are continued
    domain:         1 = physics, 2 = real
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"drawing": "sampling", "num_given": "num_conditioning_frames"}

    prompts: Annotated[tuple[str, ...], Field(min_length=1)]
    sampling: SamplingConfig = SamplingConfig(num_steps=12)
    num_conditioning_frames: Count = 5
    num_continued: Count = 2
    domain: Literal[1, 2] = 1


class VAETrainConfig(TrainConfig):
    """Training of the video VAE.

    task:        ``vae``
    model:       layout of the VAE
    loss:        terms of the loss and their weights
    start_from:  run or model folder of a VAE of the same layout to go on from; None starts anew
    """

    task: Literal["vae"]
    start_from: Path | None = None
    model: VideoVAEConfig = VideoVAEConfig()
    loss: VAEObjective = VAEObjective()

    @model_validator(mode="after")
    def _is_not_packed(self) -> "VAETrainConfig":
        if self.report.validate_every is not None:
            raise ValueError(
                "report.validate_every is for task dit; a VAE is measured on validation clips once, at its end"
            )
        if self.data.packing is not None:
            raise ValueError("data.packing is for task dit; a VAE is trained on crops of one size (data.crop)")
        return self


class UpsamplerTrainConfig(TrainConfig):
    """Training of the upsampler on pairs of clips; ``data`` holds the small ones.

    large:              dataset of the same scenes at twice the size
    gradient:           weight of the difference of neighbouring pixels, which keeps edges sharp
    foreground_weight:  how much more pixels of objects count than background
    """

    task: Literal["upsampler"]
    large: Path
    model: UpsamplerConfig = UpsamplerConfig()
    gradient: Annotated[float, Field(ge=0)] = 1.0
    foreground_weight: Annotated[float, Field(ge=0)] = 4.0


class ValidationConfig(StrictModel):
    """What is measured on validation clips: the error of v at fixed noise levels, with fixed noise.

    levels:     values of t
    num_clips:  of each source, evenly spread over its validation clips
    """

    levels: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1)] = (0.1, 0.3, 0.5, 0.7, 0.9)
    num_clips: Count = 16


class DiTTrainConfig(TrainConfig):
    """Training of the diffusion transformer.

    task:        ``dit``
    model:       layout of the transformer
    tokenizer:   words or an external text encoder
    loss:        denoising and auxiliary losses
    samples:     videos drawn during training
    validation:  held-out loss during training; None = none
    vae:         run or model folder of the VAE whose latents it learns
    start_from:  run or model folder of a transformer whose weights are taken where name and shape fit; which are new
                 is said. None starts anew
    lora:        train a low-rank adapter on ``start_from`` instead of all weights
    probes:      heads that auxiliary losses read with (``loss.auxiliary``), trained beside
    """

    task: Literal["dit"]
    vae: Path
    start_from: Path | None = None
    lora: LoraSettings | None = None
    validation: ValidationConfig = ValidationConfig()
    model: DiTConfig = DiTConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    loss: DiTObjective = DiTObjective()
    probes: ProbesConfig = ProbesConfig()
    samples: PictureConfig

    @model_validator(mode="after")
    def _parts_fit(self) -> "DiTTrainConfig":
        if (self.model.text_width is None) != (self.tokenizer.encoder is None):
            raise ValueError(
                "model.text_width and tokenizer.encoder go together: the width is that of the encoder's features"
            )
        if self.model.text_buckets != self.tokenizer.num_buckets:
            raise ValueError(
                f"model.text_buckets {self.model.text_buckets} must equal tokenizer.num_buckets "
                f"{self.tokenizer.num_buckets}"
            )
        if self.lora is not None and self.start_from is None:
            raise ValueError("lora needs start_from, the run or model folder of a trained transformer")
        if self.data.packing is not None and self.loss.reads_labels:
            raise ValueError(
                "loss.auxiliary and loss.foreground_weight need the labels of clips of one size; leave data.packing "
                "out, or leave them out"
            )
        if self.data.packing is not None and self.model.scene_slots:
            raise ValueError("data.packing and model.scene_slots exclude each other; leave out one of the two")
        if self.data.crop is not None or not self.data.augment.is_off:
            raise ValueError("data.crop and data.augment are for task vae; latents are made of whole clips")
        return self
