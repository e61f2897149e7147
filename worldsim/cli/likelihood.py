"""``python -m worldsim likelihood``."""

from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import messages, progress_bar


def likelihood(
    model: Annotated[Path, typer.Option(help="Run or model folder, or a diffusers folder.")],
    dataset: Annotated[Path, typer.Option(help="Dataset whose clips are scored, e.g. one with impossible twins.")],
    out: Annotated[Path, typer.Option(help="CSV file to write: key,score; smaller = more likely to the model.")],
    split: Annotated[str | None, typer.Option(help="Split of the dataset; default all.")] = None,
    every: Annotated[bool, typer.Option("--every", help="Score clips outside sets of twins, too.")] = False,
    captions: Annotated[
        bool, typer.Option("--captions", help="Tell the model each clip's caption; twins have captions of their own.")
    ] = False,
    hub: Annotated[
        bool, typer.Option("--hub", help="--model is OWNER/NAME on the Hugging Face hub; fetched once, then cached.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides the noise; twins of one set share it.")] = 0,
) -> None:
    """Measure how hard each clip is to denoise: do impossible clips surprise the model?

    Example: `python -m worldsim likelihood --model runs/demo/dit --dataset runs/twins --out losses.csv`, then
    `python -m eval twins runs/twins --scores losses.csv --loss --out runs/twin_scores`
    """
    import csv
    import io

    import torch

    from physics_data.core.atomic import write_text
    from physics_data.core.conventions import step_seed
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from worldsim.data.collate import to_tensor
    from worldsim.generator import VideoGenerator, fetch_from_hub, find_family
    from worldsim.model.conditioning import Conditioning
    from worldsim.sampling.likelihood import denoising_loss, generator_loss
    from worldsim.weights import load_generator, model_folder

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if hub:
        model = fetch_from_hub(str(model))
    family = None
    if find_family(model) is not None:
        family = VideoGenerator.from_pretrained(model, device=device)
        given = int(family.max_given == 1)
        messages.print(
            f"{family.family} is told {'the first frame' if given else 'no frame'} of each clip.", markup=False
        )
    else:
        loaded = load_generator(model_folder(model))
        dit, vae = loaded.dit.to(device), loaded.vae.to(device)
    clips = ShardDataset(dataset)
    positions = [n for n in clips.select(split=split) if every or clips.rows[n].pair_id is not None]
    if not positions:
        raise DataError(f"{dataset} has no twin in split '{split or 'any'}'; build it with twins, or give --every.")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["key", "score"])
    with progress_bar() as progress:
        for position in progress.track(positions, description="denoising"):
            clip = clips.load(position)
            meta = clip.meta
            together = meta.pair.set_id if meta.pair is not None else meta.key
            prompt, noise_seed = meta.caption if captions else "", step_seed(seed, together, 0)
            video = to_tensor(clip.rgb[None]).to(device)
            if family is not None:
                first = video[:, :, :1] if given else None
                known = family.conditioning([prompt], len(clip.rgb), frame_rate=meta.frame_rate, first_frames=first)
                loss = generator_loss(family, video, known, noise_seed)
            else:
                with torch.no_grad():
                    latents = vae.normalise(vae.encode(video).mode())
                ids, mask = loaded.tokenizer.encode([prompt])
                facts = (torch.tensor([meta.domain]), torch.tensor([meta.frame_rate]))
                conditioning = Conditioning.of_words(ids, mask, *facts).to(device)
                loss = denoising_loss(dit, latents, conditioning, noise_seed)
            writer.writerow([meta.key, repr(loss)])
    write_text(out, table.getvalue())
    typer.echo(f"{out}: {len(positions)} clips")
