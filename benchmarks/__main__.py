"""``python -m benchmarks``: the demo run, control baselines, speed."""

import os

from benchmarks.cli import app
from physics_data.core.program import run

# Torch's threads then sleep while they wait, instead of spinning: on a shared machine that can be 30 times faster.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main() -> None:
    """Run the program."""
    run(app)


if __name__ == "__main__":
    main()
