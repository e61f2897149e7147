"""Audits of folders: what is kept, taken up again and written, and what is said of files that are no videos."""

import csv
import json
import os
import shutil

import pytest
from discs import drawn
from test_audit_of_videos import RED, slide
from typer.testing import CliRunner

import eval.audit.folder as audit_folder
from eval.audit.__main__ import app
from eval.audit.folder import ROWS_NAME, TABLES, audit_videos
from physics_data.core.atomic import folder_lock
from physics_data.core.errors import DataError, StorageError, WorkerError
from physics_data.core.program import run
from physics_data.core.video import write_video
from tests.killed import KILLED, files_in, leftovers_in, run_killed


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    (folder / "inner").mkdir()
    write_video(folder / "a.mp4", drawn(slide(), [RED]), 24.0)
    write_video(folder / "inner" / "b.mp4", drawn(slide()[::-1], [RED]), 24.0)
    (folder / "bad.mp4").write_bytes(b"no video")
    return folder


def test_a_stopped_audit_goes_on_and_equals_a_whole_one(videos, tmp_path, monkeypatch):
    """Rows are found by contents and settings; half a line, of a kill, is made again; a damaged file is tried again."""
    whole = list(audit_videos(videos))
    assert [one.file for one in whole] == ["a.mp4", "bad.mp4", "inner/b.mp4"]
    part = audit_videos(videos, out=tmp_path)
    assert next(part) == whole[0]
    part.close()
    with open(tmp_path / ROWS_NAME, "a") as file:
        file.write('{"fingerprint": "')
    made = []
    work = audit_folder._audit_or_say
    monkeypatch.setattr(audit_folder, "_audit_or_say", lambda o, out, job: made.append(job[1]) or work(o, out, job))
    assert list(audit_videos(videos, out=tmp_path)) == whole
    assert list(audit_videos(videos, out=tmp_path)) == whole
    assert made == ["bad.mp4", "inner/b.mp4", "bad.mp4"]
    list(audit_videos(videos / "a.mp4", out=tmp_path, num_conditioning_frames=4))
    assert made[-1] == "a.mp4"
    rows = list(csv.DictReader((tmp_path / TABLES[1]).open()))
    assert rows[0]["num_conditioning_frames"] == "4"


def _die(job):
    os._exit(9)


def test_a_dead_worker_loses_no_finished_audit(videos, tmp_path, monkeypatch):
    whole = list(audit_videos(videos))
    first = audit_videos(videos, out=tmp_path)
    next(first)
    first.close()
    with monkeypatch.context() as patch:
        patch.setattr(audit_folder, "partial", lambda *_: _die)
        with pytest.raises(WorkerError, match=f"a worker process died.*goes on from {tmp_path}"):
            list(audit_videos(videos, workers=2, out=tmp_path))
    assert len((tmp_path / ROWS_NAME).read_text().splitlines()) == 1
    assert list(audit_videos(videos, out=tmp_path)) == whole


def test_one_audit_at_a_time_writes_into_a_folder(videos, tmp_path):
    with folder_lock(tmp_path), pytest.raises(StorageError, match="another process"):
        next(audit_videos(videos, out=tmp_path))


@pytest.mark.slow
def test_an_audit_that_is_killed_at_every_moment_loses_nothing(videos, tmp_path):
    def command(out):
        return "eval", "audit", videos, "--out", out

    for moment, number in (("half a line", 1), ("line", 1), ("half a line", 1), ("written", 1), ("in place", 2)):
        assert run_killed(moment, number, *command(tmp_path / "out")) == KILLED
    for folder in ("out", "straight"):
        assert run_killed("never", 0, *command(tmp_path / folder)) == 0
    straight = files_in(tmp_path / "straight", "*.csv", "*.json", "*.png")
    assert files_in(tmp_path / "out", "*.csv", "*.json", "*.png") == straight
    assert len((tmp_path / "out" / ROWS_NAME).read_text().splitlines()) == 2
    assert not leftovers_in(tmp_path / "out")


def test_the_command_writes_tables(videos, tmp_path):
    done = CliRunner().invoke(app, [str(videos), "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    assert [one["file"] for one in json.loads(done.stdout)] == ["a.mp4", "bad.mp4", "inner/b.mp4"]
    assert json.loads((tmp_path / "out" / TABLES[0]).read_text())[1]["error"]
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {*TABLES, ROWS_NAME}


def test_the_record_beside_videos_says_the_conditioning_frames(videos, tmp_path):
    shutil.copy(videos / "a.mp4", tmp_path / "a.mp4")
    (tmp_path / "provenance.yaml").write_text("num_conditioning_frames: 5\n")
    assert next(iter(audit_videos(tmp_path))).num_conditioning_frames == 5
    assert next(iter(audit_videos(tmp_path, num_conditioning_frames=9))).num_conditioning_frames == 9
    with pytest.raises(DataError, match="was given 5 frames"):
        next(iter(audit_videos(tmp_path, num_conditioning_frames=2)))


def test_files_that_cannot_be_read_or_named(videos, tmp_path):
    """A name that is no text, a link to nothing, a pipe: one record each, with a sentence."""
    shutil.copy(videos / "a.mp4", os.fsencode(tmp_path) + b"/\xff.mp4")
    (tmp_path / "gone.mp4").symlink_to("nowhere.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    found = {audit.file: audit.error for audit in audit_videos(tmp_path, out=tmp_path / "out")}
    assert found.keys() == {"gone.mp4", "pipe.mp4", "\\udcff.mp4"}
    assert "no video file" in found["gone.mp4"]
    assert "no video file" in found["pipe.mp4"]
    assert not found["\\udcff.mp4"]


def test_ctrl_c_ends_with_one_sentence(videos, tmp_path, monkeypatch, capfd):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(audit_folder, "_audit_or_say", stop)
    monkeypatch.setattr("sys.argv", ["audit", str(videos), "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        run(app)
    assert end.value.code == 130
    said = capfd.readouterr().err
    assert "Stopped." in said
    assert "Traceback" not in said
