"""One picture for each auxiliary loss of what it sees: a true clip, a wrong prediction, and where the loss pushes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from benchmarks.losses.cost import FRAMES, SQUARE, built, predicted, twins
from physics_data.core.clip import Clip
from physics_data.core.display import contact_sheet

SHOWN: dict[str, tuple[tuple[str, int], ...]] = {
    "identity": (("color_swap", 0), ("shape_swap", 1)),
    "permanence": (("vanish", 0), ("duplicate", 1)),
    "attributes": (("color_swap", 1), ("size_swap", 1)),
    "physical_plausibility": (("teleport", 0), ("wrong_g", 0)),
}
"""Loss: the editors, and the numbers of their twins, whose violations are shown."""

_HEAT = (255, 60, 0)


def write_pictures(out: Path, names: tuple[str, ...] = tuple(SHOWN)) -> list[Path]:
    """Write ``loss_NAME.png`` for each loss; returns the files."""
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for name in names:
        rows, captions = [], []
        for editor, index in SHOWN[name]:
            true, wrong = twins(editor, index)
            value, push = pushed(name, true, wrong)
            rows += [at_latent_frames(true), at_latent_frames(wrong), heated(at_latent_frames(wrong), push)]
            captions += ["true clip", f"prediction: {editor}", f"where the loss pushes; {name} = {value:.2f}"]
        file = out / f"loss_{name}.png"
        sheet = contact_sheet(rows, captions, columns=len(rows[0]), across=len(SHOWN[name]))
        Image.fromarray(sheet).save(file, optimize=True)
        files.append(file)
    return files


def pushed(name: str, true: Clip, wrong: Clip) -> tuple[float, Float[np.ndarray, "t h w"]]:
    """Return a loss and the length of its gradient at each latent position."""
    loss, probes = built(name)
    start = predicted([true], [wrong])
    clean = start.clean.requires_grad_()
    value = loss(replace(start, clean=clean), probes)
    (gradient,) = torch.autograd.grad(value, clean)
    return value.item(), gradient[0].norm(dim=0).numpy()


def at_latent_frames(clip: Clip) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the last video frame of each latent frame."""
    return clip.rgb[::FRAMES]


def heated(
    video: UInt8[np.ndarray, "t height width 3"], push: Float[np.ndarray, "t h w"]
) -> UInt8[np.ndarray, "t height width 3"]:
    """Return a video in grey, with what is pushed in red; the strongest push of the clip is full red."""
    strength = np.sqrt(push / max(push.max(), 1e-12)).repeat(SQUARE, 1).repeat(SQUARE, 2)[..., None]
    grey = video.mean(-1, keepdims=True) * 0.6 + 60
    return (grey * (1 - strength) + np.array(_HEAT) * strength).astype(np.uint8)
