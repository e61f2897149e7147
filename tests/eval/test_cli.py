"""The programs from outside: score, report, list; broken videos; tampered bundles."""

import csv
import json
import shutil
import subprocess
import sys

import pytest
from toy_scenes import toy_clip, write_toy_dataset
from typer.testing import CliRunner

from eval.cli import app
from eval.report.bundle import read_bundle
from eval.report.table import summarise
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.video import write_video

NONE = ("--num-conditioning-frames", "0")
SCENES = (("free_drop", 0), ("free_drop", 1), ("collide", 0), ("collide", 1), ("occluder_pass", 0))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A dataset of 5 clips and two systems: the truth, and one with a frozen, a cut, a broken and a missing video."""
    root = tmp_path_factory.mktemp("scores")
    clips = [toy_clip(scenario, index) for scenario, index in SCENES]
    write_toy_dataset(root / "data", clips)
    for clip in clips:
        write_video(root / "systems" / "truth" / f"{clip.meta.key}.mp4", clip.rgb, 16.0)
        write_video(root / "systems" / "flawed" / f"{clip.meta.key}.mp4", clip.rgb, 16.0)
    flawed = root / "systems" / "flawed"
    write_video(flawed / "free_drop-toy-000000.mp4", clips[0].rgb[:1].repeat(17, 0), 16.0)
    write_video(flawed / "free_drop-toy-000001.mp4", clips[1].rgb[:9], 16.0)
    (flawed / "collide-toy-000000.mp4").write_bytes(b"not a video")
    (flawed / "collide-toy-000001.mp4").unlink()
    write_video(flawed / "birthday.mp4", clips[0].rgb, 16.0)
    arguments = ["score", str(root / "systems"), "--reference", str(root / "data"), "--out", str(root / "out"), *NONE]
    result = CliRunner().invoke(app, [*arguments, "--gallery", "1", "--json"])
    assert result.exit_code == 0, result.output
    return root, json.loads(result.stdout)


def rows_of(root, system):
    with open(root / "out" / "scenes.csv", newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file) if row["system"] == system}


def test_every_scene_of_every_system_has_a_row(workplace):
    root, record = workplace
    for system in ("truth", "flawed"):
        assert len(rows_of(root, system)) == 5
    assert [s["name"] for s in record["systems"]] == ["truth", "flawed"]
    assert record["strangers"] == {"flawed": ["birthday.mp4"]}


def test_truth_is_near_the_ceiling(workplace):
    truth = workplace[1]["systems"][0]["metrics"]
    assert truth["object_permanence"]["mean"] > 0.99
    assert truth["motion_realism"]["mean"] > 0.96
    assert truth["overall"]["coverage"] == 1.0


def test_broken_videos_are_worst_and_named(workplace):
    root, record = workplace
    rows = rows_of(root, "flawed")
    assert rows["collide-toy-000000"]["status"] == "unreadable"
    assert "cannot read" in rows["collide-toy-000000"]["reason"]
    assert rows["collide-toy-000001"]["status"] == "missing"
    for key in ("collide-toy-000000", "collide-toy-000001"):
        assert [float(rows[key][m]) for m in ("object_permanence", "motion_realism", "overall")] == [0, 0, 0]
        assert float(rows[key]["velocity_error"]) == 2.0
        assert rows[key]["gravity_error"] == ""
    assert rows["free_drop-toy-000000"]["status"] == "ok"
    assert float(rows["free_drop-toy-000000"]["overall"]) < 0.02
    short = rows["free_drop-toy-000001"]
    assert (short["status"], short["reason"][:29]) == ("short", "shows 9 of 17 reference frame")
    assert float(short["object_permanence"]) == pytest.approx(9 / 17)
    flawed = record["systems"][1]
    assert (flawed["missing"], flawed["unreadable"], flawed["short"]) == (1, 1, 1)
    page = (root / "out" / "report.html").read_text()
    assert "collide-toy-000001" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("https://matplotlib.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "")


def test_aggregates_are_those_of_the_rows(workplace):
    root, _ = workplace
    rows, record = read_bundle(root / "out")
    values = [row.values["overall"] for row in rows if row.system == "flawed"]
    flawed = next(s for s in record["systems"] if s["name"] == "flawed")
    assert flawed["metrics"]["overall"]["mean"] == pytest.approx(sum(values) / 5)
    assert summarise(rows[::-1], 0) == summarise(rows, 0)


def test_a_changed_number_is_noticed(workplace, tmp_path):
    shutil.copytree(workplace[0] / "out", tmp_path / "out")
    path = tmp_path / "out" / "scenes.csv"
    path.write_text(path.read_text().replace("unreadable", "ok", 1).replace(",0.0,", ",0.9,", 1))
    with pytest.raises(DataError, match=r"not what its scenes.csv gives"):
        read_bundle(tmp_path / "out")


def test_workers_do_not_change_the_rows(workplace, tmp_path):
    root, _ = workplace
    arguments = [
        "score",
        str(root / "systems"),
        "--reference",
        str(root / "data"),
        "--out",
        str(tmp_path / "two"),
        *NONE,
    ]
    result = CliRunner().invoke(app, [*arguments, "--workers", "2", "--gallery", "0"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "two" / "scenes.csv").read_bytes() == (root / "out" / "scenes.csv").read_bytes()


def test_report_joins_bundles(workplace, tmp_path):
    root, _ = workplace
    for name in ("truth", "flawed"):
        folder = root / "systems" / name
        score = [
            "score",
            str(folder),
            "--reference",
            str(root / "data"),
            "--out",
            str(tmp_path / name),
            "--gallery",
            "0",
            *NONE,
        ]
        assert CliRunner().invoke(app, score).exit_code == 0
    joined = tmp_path / "joined.html"
    result = CliRunner().invoke(
        app, ["report", str(tmp_path / "truth"), str(tmp_path / "flawed"), "--out", str(joined)]
    )
    assert result.exit_code == 0, result.output
    assert "truth − flawed" in joined.read_text()
    again = CliRunner().invoke(app, ["report", str(tmp_path / "truth"), str(tmp_path / "truth"), "--out", str(joined)])
    assert isinstance(again.exception, DataError)


def score(root, tmp_path, *more):
    command = ["score", str(root / "systems"), "--reference", str(root / "data"), "--out", str(tmp_path / "o")]
    return CliRunner().invoke(app, [*command, "--gallery", "0", *more])


def test_the_number_of_conditioning_frames_must_be_known(workplace, tmp_path):
    """Neither option nor record: refused with what to write. The option, or equal records: in the summary."""
    root = tmp_path / "w"
    shutil.copytree(workplace[0], root)
    refused = score(root, tmp_path)
    assert "--num-conditioning-frames N" in str(refused.exception)
    for name, number in (("truth", 5), ("flawed", 3)):
        (root / "systems" / name / "provenance.yaml").write_text(f"num_conditioning_frames: {number}\n")
    assert "flawed: 3, truth: 5" in str(score(root, tmp_path).exception)
    assert "would score 1 of them; give at least 5" in str(score(root, tmp_path, NONE[0], "4").exception)
    assert score(root, tmp_path, NONE[0], "5").exit_code == 0
    rows, record = read_bundle(tmp_path / "o")
    assert record["num_conditioning_frames"] == 5
    short = next(row for row in rows if row.system == "flawed" and row.status == "short")
    assert short.values["survival"] == pytest.approx(4 / 12)
    assert "leave nothing to score" in str(score(root, tmp_path, NONE[0], "17").exception)


def test_videos_of_another_dataset_are_refused(workplace, tmp_path):
    """The keys are the same; the record beside the videos tells them apart."""
    root = tmp_path / "w"
    shutil.copytree(workplace[0], root)
    record = root / "systems" / "truth" / "provenance.yaml"
    record.write_text("num_conditioning_frames: 0\nreference: 0123456789abcdef\n")
    assert "made for other scenes (0123456789abcdef" in str(score(root, tmp_path, *NONE).exception)
    record.write_text(f"num_conditioning_frames: 0\nreference: {ShardDataset(root / 'data').digest}\n")
    assert score(root, tmp_path, *NONE).exit_code == 0


@pytest.mark.parametrize(
    "text", ["num_conditioning_frames: -1", "num_given: 1.5", "num_given: true", "[", "- 1", "\x00", "num_given: 99999"]
)
def test_a_damaged_record_is_one_sentence(workplace, tmp_path, text):
    root = tmp_path / "w"
    shutil.copytree(workplace[0], root)
    (root / "systems" / "truth" / "provenance.yaml").write_text(text)
    assert isinstance(score(root, tmp_path, *NONE).exception, DataError)


def test_a_bundle_without_the_number_is_refused(workplace, tmp_path):
    shutil.copytree(workplace[0] / "out", tmp_path / "out")
    path = tmp_path / "out" / "summary.json"
    record = json.loads(path.read_text())
    del record["num_conditioning_frames"]
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match="num_conditioning_frames"):
        read_bundle(tmp_path / "out")


def test_bundles_of_different_numbers_share_no_table(workplace, tmp_path):
    shutil.copytree(workplace[0] / "out", tmp_path / "out")
    path = tmp_path / "out" / "summary.json"
    path.write_text(path.read_text().replace('"num_conditioning_frames": 0', '"num_conditioning_frames": 5'))
    joined = ["report", str(workplace[0] / "out"), str(tmp_path / "out"), "--out", str(tmp_path / "p.html")]
    assert "different numbers of conditioning frames" in str(CliRunner().invoke(app, joined).exception)


def test_list_is_json_on_request():
    listed = json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)["metrics"]
    assert set(listed) >= {"object_permanence", "motion_realism", "overall", "gravity_error", "velocity_error"}
    assert listed["gravity_error"].endswith("(lower is better, 2 worst to 0 best)")


def test_mistakes_end_in_one_panel(workplace, tmp_path):
    root, _ = workplace
    command = [sys.executable, "-m", "eval", "score", str(tmp_path / "nothing"), "--reference", str(root / "data")]
    done = subprocess.run([*command, "--out", str(tmp_path / "o")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["score", "report", "list"])
def test_help_shows_an_example(command):
    assert f"python -m eval {command}" in CliRunner().invoke(app, [command, "--help"]).output
