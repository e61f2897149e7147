"""Where PyBullet cannot be had (Python 3.12 and later), tests that need it skip with the reason."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEST = (
    "tests/physics_data/engines/test_limits.py::test_a_body_that_moves_with_more_parts_than_pybullet_keeps_is_refused"
)


def test_tests_of_bullet_skip_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "hide_pybullet.py").write_text("import sys\nsys.modules['pybullet'] = None\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "pytest", "-p", "hide_pybullet", "-p", "no:cacheprovider", "-rs", TEST]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout and "no wheel for Python 3.12" in " ".join(done.stdout.split())
