"""Kept rows: a changed source makes them stale, a stopped run goes on, damage costs a row and nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from toy_scenes import toy_clip, write_toy_dataset
from typer.testing import CliRunner

import eval as package
from eval import scoring, store
from eval.cli import app
from eval.inputs import System
from eval.metrics import METRICS
from eval.public import PUBLIC_MEASURES
from eval.report.table import SeedScore
from eval.store import RowStore, code_fingerprint, scoring_sources
from physics_data.core.errors import WorkerError
from physics_data.core.video import write_video

OWN = Path(str(package.__file__)).parent


def test_every_source_that_a_score_can_import_counts():
    """A fresh interpreter imports all metrics, measures, audits; what it has loaded of ours must be in the list."""
    text = (
        "import sys, json, eval.scoring, eval.audit.video, eval.pairs.pair_figures, eval.pairs.pair_scores\n"
        "from eval.metrics import METRICS\nfrom eval.public import PUBLIC_MEASURES\n"
        "[table.get(name) for table in (METRICS, PUBLIC_MEASURES) for name in table]\n"
        "print(json.dumps([m.__file__ for m in list(sys.modules.values()) if (getattr(m, '__file__', None) or '') "
        "and m.__name__.split('.')[0] in ('eval', 'physics_data', 'benchmarks', 'worldsim')]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(OWN.parent)}
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, env=environment)
    loaded = {Path(file) for file in json.loads(done.stdout)}
    assert loaded - set(scoring_sources()) <= {OWN.parent / "physics_data" / "__init__.py"}


def test_a_change_of_any_metric_or_measure_changes_the_fingerprint(tmp_path, monkeypatch):
    shutil.copytree(OWN, tmp_path / "eval", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(store, "package", SimpleNamespace(__file__=str(tmp_path / "eval" / "__init__.py")))
    before = code_fingerprint()
    names = {METRICS.get(n).__module__ for n in METRICS} | {PUBLIC_MEASURES.get(n).__module__ for n in PUBLIC_MEASURES}
    seen = {before}
    for name in sorted(names | {"eval.reference", "eval.inputs", "eval.scoring", "eval.perception.object_tracker"}):
        path = tmp_path / f"{name.replace('.', '/')}.py"
        text = path.read_text()
        path.write_text(text + "\nCHANGED = 1\n")
        seen.add(code_fingerprint())
        path.write_text(text)
    assert len(seen) == 1 + len(names) + 4 and code_fingerprint() == before


def test_other_libraries_are_another_scoring(monkeypatch):
    before = code_fingerprint()
    monkeypatch.setattr(store.importlib.metadata, "version", lambda name: "0.0")
    assert code_fingerprint() != before


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"[1]", b"{", b'{"fingerprint": "a", "video": 3, "rows": []}'])
def test_a_damaged_line_costs_that_row(tmp_path, damage):
    row = SeedScore("m", "k", "drop", "", "ok", "", "0" * 64, {"overall": 0.5})
    kept = RowStore(tmp_path / "rows.jsonl", "a")
    kept.add([row], ("m", "k", 0, "x"))
    with open(tmp_path / "rows.jsonl", "ab") as file:
        file.write(damage + b"\n")
    RowStore(tmp_path / "rows.jsonl", "a").add([row], ("m", "k2", 0, "x"))
    again = RowStore(tmp_path / "rows.jsonl", "a")
    assert again.get("m", "k", 0, "x") == again.get("m", "k2", 0, "x") == [row]


def test_a_row_of_wrong_types_is_not_used(tmp_path):
    row = {"system": "m", "key": "k", "scenario": "", "engine": "", "status": "fine", "reason": "", "sha256": ""}
    record = {"fingerprint": "a", "video": ["m", "k", 0, "x"], "rows": [{**row, "values": {"overall": "1"}}]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(record) + "\n")
    assert RowStore(tmp_path / "rows.jsonl", "a").get("m", "k", 0, "x") is None


@pytest.fixture
def place(tmp_path):
    clips = [toy_clip("free_drop", index) for index in range(3)]
    write_toy_dataset(tmp_path / "data", clips)
    for clip in clips:
        write_video(tmp_path / "truth" / f"{clip.meta.key}.mp4", clip.rgb, 16.0)
    command = ["score", str(tmp_path / "truth"), "--reference", str(tmp_path / "data"), "--out", str(tmp_path / "o")]
    return tmp_path, [*command, "--num-conditioning-frames", "1", "--gallery", "0"]


def test_a_stopped_score_goes_on(place, monkeypatch):
    root, command = place
    real, scored = scoring.score_clip, []

    def interrupted(clip, *rest):
        if len(scored) == 2:
            raise KeyboardInterrupt
        scored.append(clip.meta.key)
        return real(clip, *rest)

    monkeypatch.setattr(scoring, "score_clip", interrupted)
    assert CliRunner().invoke(app, command).exit_code == 130
    assert len((root / "o" / "rows.jsonl").read_text().splitlines()) == 4  # 2 scenes, 2 systems
    later = []
    monkeypatch.setattr(scoring, "score_clip", lambda clip, *rest: later.append(clip.meta.key) or real(clip, *rest))
    assert CliRunner().invoke(app, command).exit_code == 0
    assert len(later) == 1 and not set(later) & set(scored)
    rows = (root / "o" / "scenes.csv").read_bytes()
    shutil.rmtree(root / "o")
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (root / "o" / "scenes.csv").read_bytes() == rows


def _die(job):
    os._exit(9)


def test_a_dead_worker_is_one_sentence(place, monkeypatch):
    root, _ = place
    dataset = scoring.ShardDataset(root / "data")
    system = System("truth", root / "truth", {row.key: root / "truth" / f"{row.key}.mp4" for row in dataset.rows}, ())
    monkeypatch.setattr(scoring, "_score_position", lambda *_: None)
    monkeypatch.setattr(scoring, "partial", lambda *_: _die)
    with pytest.raises(WorkerError, match="run the same command again"):
        list(scoring.score_systems(dataset, range(3), [system], 1, workers=2))
