"""``python -m worldsim``: train, sample, code and ingest videos, publish models, rank by votes, open the studio."""

import os

from physics_data.core.program import make_app, run
from worldsim.cli.codec import decode, encode, reconstruct
from worldsim.cli.footage_commands import annotate, ingest
from worldsim.cli.list_commands import list_parts, studio, votes
from worldsim.cli.model_commands import likelihood, publish, train
from worldsim.cli.sample import sample

# Torch's threads then sleep while they wait, instead of spinning: on a shared machine that can be 30 times faster.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

app = make_app(
    "Train video generators on physics clips and footage, and sample from them.",
    renamed={
        "--num-given": "--num-conditioning-frames",
        "--number": "--scalar",
        "--guidance-weight": "--guidance-scale",
        "--test-share": "--test-fraction",
        "--max-repeated-share": "--max-repeated-fraction",
        "--max-text-share": "--max-text-fraction",
        "--max-bars-share": "--max-bars-fraction",
    },
)
app.command()(train)
app.command()(sample)
app.command()(likelihood)
app.command()(encode)
app.command()(decode)
app.command()(reconstruct)
app.command()(ingest)
app.command()(annotate)
app.command()(publish)
app.command("list")(list_parts)
app.command()(votes)
app.command()(studio)


def main() -> None:
    """Run the program."""
    run(app)


if __name__ == "__main__":
    main()
