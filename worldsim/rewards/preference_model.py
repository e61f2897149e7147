"""A reward learned from people's votes: a small network on the latents of a VAE, trained on which video was chosen."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import nn
from torch.nn import functional as F

from physics_data.core.atomic import atomic_folder, write_text
from physics_data.core.errors import DataError
from physics_data.core.provenance import sha256_of
from physics_data.core.video import read_video
from worldsim.cards import CARD_NAME, check_files, load_tensors, read_card, save_tensors
from worldsim.data.collate import to_tensor
from worldsim.rewards.reward import Judged
from worldsim.rewards.votes import Vote, share_interval
from worldsim.vae.video_vae import VideoVAE
from worldsim.weights import load_vae, model_folder

FORMAT = "worldsim.preference_model/1"
_WEIGHTS = "weights.safetensors"
_LEAST_VOTES = 20


class PreferenceNetwork(nn.Module):
    """Latents of a video to one number; the difference of two is the log odds that the first is chosen."""

    def __init__(self, channels: int, width: int = 32) -> None:
        """Make a network of two convolutions over place and time, and a linear layer over their mean and maximum."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(channels, width, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
            nn.SiLU(),
            nn.Conv3d(width, width, 3, padding=1),
            nn.SiLU(),
        )
        self.head = nn.Linear(2 * width, 1)

    def forward(self, latents: Float[torch.Tensor, "b c t h w"]) -> Float[torch.Tensor, "b"]:
        """Return the score of each video."""
        found = self.layers(latents)  # [b width t h/2 w/2]
        return self.head(torch.cat([found.mean((2, 3, 4)), found.amax((2, 3, 4))], 1))[:, 0]


@dataclass(frozen=True)
class FitReport:
    """How well a model predicts votes on prompts that it was not trained on.

    accuracy:      of held-out decided votes; chance is 0.5
    low, high:     95 % interval (Wilson)
    train_votes, held_out_votes:  decided votes
    """

    accuracy: float
    low: float
    high: float
    train_votes: int
    held_out_votes: int


class PreferenceModel:
    """A reward from 0 to 1: the probability that people choose a video over an average one of the training set."""

    measures: ClassVar[tuple[str, ...]] = ()

    def __init__(self, network: PreferenceNetwork, vae: VideoVAE, mean: float) -> None:
        """Take a trained network; ``mean`` is its mean score over the training videos."""
        self.network, self.vae, self.mean = network.eval(), vae, mean

    @classmethod
    def load(cls, folder: Path) -> "PreferenceModel":
        """Open what ``save`` wrote.

        Raises:
            CheckpointError: no such model there, or a damaged one.
        """
        card = read_card(folder, FORMAT, ("files", "channels", "mean", "vae"))
        check_files(folder, card, advice="Fit it to the votes again.")
        network = PreferenceNetwork(int(card["channels"]))
        network.load_state_dict(load_tensors(folder / _WEIGHTS))
        return cls(network, load_vae(model_folder(Path(card["vae"]))), float(card["mean"]))

    @torch.no_grad()
    def scores(self, videos: Sequence[UInt8[np.ndarray, "t h w 3"]]) -> Float[np.ndarray, "n"]:
        """Return the score of each video."""
        latents = [_latents(self.vae, video) for video in videos]
        return np.array([float(self.network(one[None])) for one in latents])

    def value(self, rgb: UInt8[np.ndarray, "t h w 3"]) -> float:
        """Return the reward of a video, which needs no scene."""
        return float(1 / (1 + np.exp(self.mean - self.scores([rgb])[0])))

    def __call__(self, video: Judged) -> float:
        """Return the reward of a video."""
        return self.value(video.rgb)


def fit_preferences(
    votes: Sequence[Vote],
    out: Path,
    *,
    vae: Path = Path("builtin:world/vae"),
    held_out_fraction: float = 0.2,
    num_steps: int = 300,
    seed: int = 0,
) -> FitReport:
    """Train a preference model on decided votes and write it.

    Whole prompts are held out. The loss is that of the Bradley-Terry model, -log sigmoid(chosen - rejected).

    Args:
        votes: with the files of both videos
        out: folder of the model
        vae: model folder or builtin:NAME
        held_out_fraction: of the prompts, for the reported accuracy
        num_steps: updates of 32 votes
        seed: of weights, batches and the choice of prompts

    Raises:
        DataError: too few decided votes with both files, fewer than two prompts, or a video that is missing.

    Source: Bradley and Terry (1952); as a reward model Christiano et al. (2017), Deep reinforcement learning from human
    preferences.
    """
    decided = [vote for vote in votes if vote.choice in ("left", "right") and vote.left_file and vote.right_file]
    prompts = sorted({vote.prompt for vote in decided})
    if len(decided) < _LEAST_VOTES or len(prompts) < 2:
        raise DataError(
            f"{len(decided)} of {len(votes)} votes are decided and name both files, on {len(prompts)} prompts; a "
            f"reward model needs {_LEAST_VOTES} votes on two prompts."
        )
    drawn = np.random.default_rng(seed)
    count = max(1, round(held_out_fraction * len(prompts)))
    apart = set(drawn.permutation(prompts)[:count].tolist())
    encoder = load_vae(model_folder(vae))
    latents: dict[str, torch.Tensor] = {}
    for name in sorted({file for vote in decided for file in (vote.left_file, vote.right_file)}):
        if not Path(name).is_file():
            raise DataError(f"the votes name {name}, which is not there; run the command in the folder of the videos.")
        latents[name] = _latents(encoder, read_video(Path(name)).rgb)
    pairs = [(v.left_file, v.right_file) if v.choice == "left" else (v.right_file, v.left_file) for v in decided]
    train = [pair for pair, vote in zip(pairs, decided, strict=True) if vote.prompt not in apart]
    test = [pair for pair, vote in zip(pairs, decided, strict=True) if vote.prompt in apart]
    if not train:
        raise DataError("all decided votes are on the held-out prompts; collect votes on more prompts.")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = PreferenceNetwork(next(iter(latents.values())).shape[0])
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.01)
    for step in range(num_steps):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - step / num_steps)
        picked = [train[number] for number in drawn.integers(0, len(train), 32)]
        margin = _scored(network, latents, [a for a, _ in picked]) - _scored(network, latents, [b for _, b in picked])
        optimizer.zero_grad()
        (-F.logsigmoid(margin)).mean().backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        score = {name: float(network(one[None])) for name, one in latents.items()}
    report = FitReport(*share_interval([score[a] > score[b] for a, b in test]), len(train), len(test))
    seen = sorted({name for pair in train for name in pair})
    _save(out, network, vae, float(np.mean([score[name] for name in seen])), report)
    return report


def _scored(network: PreferenceNetwork, latents: dict[str, torch.Tensor], names: list[str]) -> torch.Tensor:
    """Return the scores of videos, of one size together."""
    found = torch.zeros(len(names))
    sizes: dict[torch.Size, list[int]] = {}
    for number, name in enumerate(names):
        sizes.setdefault(latents[name].shape, []).append(number)
    for numbers in sizes.values():
        found = found.index_put((torch.tensor(numbers),), network(torch.stack([latents[names[n]] for n in numbers])))
    return found


@torch.no_grad()
def _latents(vae: VideoVAE, video: UInt8[np.ndarray, "t h w 3"]) -> Float[torch.Tensor, "c tz hz wz"]:
    """Return normalised latents; the video is cut to the sizes that the VAE takes."""
    frames, height, width = video.shape[:3]
    side, length = vae.config.spatial_factor, vae.config.temporal_factor
    kept = video[: 1 + (frames - 1) // length * length, : height // side * side, : width // side * side]
    return vae.normalise(vae.encode(to_tensor(kept[None])).mode())[0]


def _save(out: Path, network: PreferenceNetwork, vae: Path, mean: float, report: FitReport) -> None:
    channels = network.layers[0].in_channels
    card: dict[str, Any] = {"format": FORMAT, "channels": channels, "vae": str(vae), "mean": mean, **vars(report)}
    with atomic_folder(out) as partial:
        save_tensors(partial / _WEIGHTS, network.state_dict())
        card["files"] = {_WEIGHTS: sha256_of(partial / _WEIGHTS)}
        write_text(partial / CARD_NAME, json.dumps(card, indent=1))
