"""``python -m physics_data``: make, check and look at physics datasets."""

from physics_data.cli import app
from physics_data.core.program import run


def main() -> None:
    """Run the program."""
    run(app)


if __name__ == "__main__":
    main()
