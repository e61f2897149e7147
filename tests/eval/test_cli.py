"""The programs from outside: score, report, list; broken videos; tampered bundles."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from toy_scenes import toy_clip, write_toy_dataset
from typer.testing import CliRunner

from eval.cli import app
from eval.inputs import align, resize
from eval.reference import Reference
from eval.report.bundle import read_bundle
from eval.report.table import summarise
from eval.scoring import score_videos, starts_elsewhere
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, UnknownNameError
from physics_data.core.video import TimedFrame, decode_video, encode_video, write_video

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
    assert {s["name"]: s["kind"] for s in record["systems"]} == {
        "reference": "ceiling",
        "truth": "model",
        "flawed": "model",
    }
    assert record["unmatched"] == {"flawed": ["birthday.mp4"]}


def test_truth_is_near_the_ceiling(workplace):
    systems = {system["name"]: system["metrics"] for system in workplace[1]["systems"]}
    assert systems["reference"]["overall"]["mean"] > 0.98  # what the truth itself gets stands in every table
    truth = systems["truth"]
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
    flawed = next(system for system in record["systems"] if system["name"] == "flawed")
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


def test_videos_that_begin_elsewhere_are_flagged(workplace, tmp_path):
    """The same keys, other scenes, no record: every video is named, the page warns, and the exit code is 1."""
    root = tmp_path / "w"
    shutil.copytree(workplace[0] / "data", root / "data")
    for scenario, index in SCENES:
        other = toy_clip("projectile", index)
        write_video(root / "systems" / "other" / f"{scenario}-toy-{index:06d}.mp4", other.rgb, 16.0)
    result = score(root, tmp_path, NONE[0], "1")
    assert result.exit_code == 1 and "No video of it could be scored" in result.stderr
    rows, _ = read_bundle(tmp_path / "o")
    assert {row.status for row in rows if row.system == "other"} == {"mismatched"}
    assert "made for another dataset?" in next(row.reason for row in rows if row.system == "other")
    assert "other: 5 mismatched" in (tmp_path / "o" / "report.html").read_text()


def test_a_codec_and_a_change_of_size_are_no_other_beginning():
    clip = toy_clip("collide")
    reference = Reference(clip, num_conditioning_frames=5)
    coded = decode_video(encode_video(clip.rgb, 16.0), what="test")
    small = np.stack([resize(resize(frame, 40, 40), 64, 64) for frame in coded])
    for rgb in (coded, small):
        timed = [TimedFrame(k / 16, (k + 1) / 16, picture) for k, picture in enumerate(rgb)]
        video = align(timed, "test", 17, 16.0, 64, 64)
        assert starts_elsewhere(reference, video) == ""


def test_another_shape_is_said_at_the_top_and_by_the_exit_code(workplace, tmp_path):
    root = tmp_path / "w"
    shutil.copytree(workplace[0] / "data", root / "data")
    for scenario, index in SCENES:
        wide = np.zeros((17, 36, 64, 3), np.uint8)
        write_video(root / "systems" / "wide" / f"{scenario}-toy-{index:06d}.mp4", wide, 16.0)
    result = score(root, tmp_path, NONE[0], "1")
    assert result.exit_code == 1
    assert "wide: 5 unreadable of 5 videos, such as:" in result.stderr and "--shape wide" in result.stderr
    page = (tmp_path / "o" / "report.html").read_text()
    assert page.index("wide: 5 unreadable of 5") < page.index('id="scores"')


def test_arrays_are_scored_as_files_are(workplace):
    root, record = workplace
    dataset = ShardDataset(root / "data")
    clips = [toy_clip(*scene) for scene in SCENES]
    found = score_videos(dataset, {clip.meta.key: clip.rgb for clip in clips}, 0)
    reference = next(system for system in record["systems"] if system["name"] == "reference")
    assert np.mean([row.values["overall"] for row in found]) == pytest.approx(reference["metrics"]["overall"]["mean"])
    assert {row.status for row in found} == {"ok"}
    with pytest.raises(DataError, match="aspect ratio"):
        score_videos(dataset, {clips[0].meta.key: np.zeros((17, 36, 64, 3), np.uint8)}, 0)
    with pytest.raises(UnknownNameError):
        score_videos(dataset, {"nobody": clips[0].rgb}, 0)


def test_a_system_without_half_of_its_videos_gets_half(workplace, tmp_path):
    """TrackEval once averaged over what was there; a scene without a video is worth 0 here, and stays in the mean."""
    root = tmp_path / "w"
    shutil.copytree(workplace[0] / "data", root / "data")
    for scenario, index in SCENES[:2]:
        clip = toy_clip(scenario, index)
        write_video(root / "systems" / "two" / f"{clip.meta.key}.mp4", clip.rgb, 16.0)
    assert score(root, tmp_path, *NONE).exit_code == 0
    rows, record = read_bundle(tmp_path / "o")
    system = next(system for system in record["systems"] if system["name"] == "two")
    for metric in ("overall", "identity", "survival"):
        there = [row.values[metric] for row in rows if row.system == "two" and row.status == "ok"]
        assert system["metrics"][metric]["mean"] == pytest.approx(np.mean(there) * 2 / 5)


@pytest.mark.parametrize(
    "text",
    [
        "num_conditioning_frames: -1",
        "num_conditioning_frames: 1.5",
        "num_conditioning_frames: true",
        "[",
        "- 1",
        "\x00",
        "num_conditioning_frames: 99999",
    ],
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
