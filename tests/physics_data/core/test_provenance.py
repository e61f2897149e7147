import shutil
import subprocess
import sys
from pathlib import Path

import physics_data


def test_an_installed_copy_does_not_name_the_commit_of_the_repository_around_it(tmp_path):
    """A virtual environment often lies in somebody else's repository."""
    site = tmp_path / "venv" / "site-packages"
    package = Path(physics_data.__file__).parent
    shutil.copytree(package, site / "physics_data", ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(tmp_path)]
    (tmp_path / "theirs.txt").write_text("x")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "theirs.txt"], check=True)
    subprocess.run([*git, "commit", "-qm", "theirs"], check=True)
    command = [sys.executable, "-c", "from physics_data.core.provenance import git_commit; print(git_commit())"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=site,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    assert done.stdout.strip() == "unknown"
    subprocess.run([*git, "add", "venv"], check=True)
    subprocess.run([*git, "commit", "-qm", "vendored: now it is that repository's code"], check=True)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=site,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert done.stdout.strip().startswith(head.stdout.strip())
