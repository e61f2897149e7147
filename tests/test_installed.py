"""What a wheel holds: nothing common at the top of site-packages, configs, templates and weights, programs that run."""

import ast
import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree that a wheel unpacks into site-packages."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(folder)]
    command += ["build", "--build-base", str(folder / "build"), "--build-lib", str(folder / "lib")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return folder / "lib"


def run(installed: Path, cwd: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_two_names_are_at_the_top(installed: Path) -> None:
    assert {path.name for path in installed.iterdir()} == {"physics_data", "worldsim"}


def test_no_module_imports_what_the_wheel_has_elsewhere(installed: Path) -> None:
    count = 0
    for path in installed.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.split(".")[0] in ("eval", "benchmarks")], path
            count += len(names)
    assert count > 1000


def test_configs_templates_and_weights_travel_with_it(installed: Path) -> None:
    shipped = {path.name for path in (installed / "worldsim" / "configs").iterdir()}
    assert {path.name for path in (ROOT / "configs").glob("*.yaml")} == shipped
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not tracked:
        pytest.skip("the checkout is no git repository, so what belongs to it is not known")
    for name in tracked:
        first = name.split("/")[0]
        if first in ("physics_data", "worldsim", "eval", "benchmarks"):
            place = name if first in ("physics_data", "worldsim") else f"worldsim/{name}"
            assert (installed / place).is_file(), f"{name} is not in the wheel; name it in package_data of setup.cfg"


@pytest.mark.parametrize("program", ["physics_data", "worldsim", "worldsim.eval", "worldsim.benchmarks"])
def test_programs_start_from_another_folder(installed: Path, tmp_path: Path, program: str) -> None:
    shown = " ".join(run(installed, tmp_path, program, "--help").split())
    assert "Commands" in shown
    assert run(installed, tmp_path, program, "list", "--help")


def test_members_are_loaded_from_where_they_lie_now(installed: Path, tmp_path: Path) -> None:
    assert "survival" in run(installed, tmp_path, "worldsim.eval", "list")


def test_a_shipped_config_is_found_by_its_name(installed: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from physics_data.core import config; print(config.find_config(Path('data_tiny')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-c", code]
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()) == installed / "worldsim" / "configs" / "data_tiny.yaml"


@pytest.mark.slow
def test_a_chain_runs_from_another_folder_with_worker_processes(installed: Path, tmp_path: Path) -> None:
    fewer = "scenes_per_scenario={train: 0, val: 0, test: 1}"
    run(installed, tmp_path, "physics_data", "build", "--config", "data_tiny", "--out", "d", "--set", fewer)
    run(
        installed, tmp_path, "worldsim.benchmarks", "baselines", "d", "--split", "test", "--out", "s", "--only", "noise"
    )
    score = ["score", "s", "--reference", "d", "--split", "test", "--out", "scores", "--workers", "2"]
    run(installed, tmp_path, "worldsim.eval", *score)
    assert (tmp_path / "scores" / "report.html").is_file()
    run(installed, tmp_path, "worldsim", "sample", "--prompt", "a red ball falls", "--out", "x.mp4")
    assert (tmp_path / "x.mp4").is_file()


def test_the_lowest_versions_are_those_that_are_tested() -> None:
    """``make test-min`` installs what setup.cfg states: every minimum has its line in constraints-min.txt."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    stated = [*config["options"]["install_requires"].split("\n"), *extras["dev"].split("\n")]
    wanted = {
        name.lower(): version
        for name, version in re.findall(r"^([\w-]+)(?:\[\w+\])?>=([\d.]+)", "\n".join(stated), re.M)
    }
    lines = (ROOT / "constraints-min.txt").read_text().splitlines()
    tested = dict(line.lower().split("==") for line in lines if not line.startswith("#"))
    linters = {"import-linter", "pre-commit", "basedpyright", "ruff"}
    for name, version in wanted.items():
        if name not in linters:
            assert f"{tested[name]}.".startswith(f"{version}."), f"{name}>={version} is tested with {tested.get(name)}"
