"""The config of ``task: policy``: a generator learns from rewards of the videos that it makes."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from physics_data.core.config import StrictModel
from worldsim.config import Count, TrainConfig
from worldsim.families.adapters import AdapterSettings
from worldsim.rewards.methods import Method
from worldsim.rewards.reward import RewardTerm


class RolloutConfig(StrictModel):
    """The videos that are made and judged in each round.

    num_scenes:               scenes of a round
    num_samples:              videos of each scene; their mean is what a video is compared with
    num_steps:                calls of the sampler: those of the sampler that is deployed
    guidance_scale:           1 = none
    num_conditioning_frames:  first frames that are given, never judged
    """

    num_scenes: Count = 8
    num_samples: Annotated[int, Field(ge=2)] = 8
    num_steps: Count = 10
    guidance_scale: float = 1.0
    num_conditioning_frames: Count = 5


class PolicyConfig(StrictModel):
    """How a generator learns from rewards.

    method:           rvm: signed, advantage-weighted flow matching; dpo: the best against the worst video of a scene;
                      filtered: fine-tuning on the best, the control
    steps_per_round:  updates between two rollouts
    anchor:           rvm: weight of the distance from the frozen model. With 0 what is learned drifts away from what is
                      unlearned, beyond anything that was rewarded (tests/worldsim/rewards/test_methods.py)
    strength:         dpo: beta
    kept_fraction:    filtered: share of each scene's videos that is learned
    patience:         rounds without any difference in reward after which the run stops
    """

    method: Method = "rvm"
    steps_per_round: Count = 8
    anchor: Annotated[float, Field(ge=0)] = 0.02
    strength: Annotated[float, Field(gt=0)] = 100.0
    kept_fraction: Annotated[float, Field(gt=0, le=1)] = 0.25
    patience: Count = 4


class HeldOutConfig(StrictModel):
    """What is sampled from validation scenes to see what the reward does not show.

    num_scenes:   evenly spread over the validation clips
    num_samples:  of each
    """

    num_scenes: Count = 6
    num_samples: Annotated[int, Field(ge=2)] = 2


class PolicyTrainConfig(TrainConfig):
    """Training of a generator on rewards of its own videos.

    task:      ``policy``
    rollout:   how videos are drawn for their rewards
    policy:    method of policy training and its settings
    held_out:  measures that no reward sees, taken during training
    base:      model, run or diffusers folder, or builtin:NAME
    adapter:   low-rank adapter for a public family; None trains all weights, which the built-in model needs
    reward:    name, or package.module:function → its weight
    weights:   precision of a public family's frozen base
    """

    task: Literal["policy"]
    base: Path
    adapter: AdapterSettings | None = None
    weights: Literal["fp32", "bf16"] = "fp32"
    reward: Annotated[dict[str, RewardTerm], Field(min_length=1)]
    rollout: RolloutConfig = RolloutConfig()
    policy: PolicyConfig = PolicyConfig()
    held_out: HeldOutConfig = HeldOutConfig()

    @model_validator(mode="after")
    def _parts_fit(self) -> "PolicyTrainConfig":
        if any(source.on_the_fly for source in self.data.sources):
            raise ValueError("task policy reads stored scenes; build the dataset first (python -m physics_data build)")
        if self.hardware.prefetch:
            raise ValueError("task policy makes its own videos, which cannot be prefetched; set hardware.prefetch: 0")
        if self.policy.method == "dpo" and self.batch_size % 2:
            raise ValueError(f"policy.method dpo compares pairs; batch_size must be even, given is {self.batch_size}")
        return self
