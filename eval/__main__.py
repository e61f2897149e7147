"""``python -m eval``: score folders of videos."""

from eval.cli import app
from physics_data.core.program import run


def main() -> None:
    """Run the program."""
    run(app)


if __name__ == "__main__":
    main()
