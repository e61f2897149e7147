"""Repeated and lost pictures, cuts, conditioning frames: what is dropped, what is said, what is judged."""

import re
from pathlib import Path

import numpy as np
import pytest
from discs import drawn

from eval.audit.footage import Footage, footage_of, read_footage
from eval.audit.video import audit_footage, audit_video
from eval.perception.free_tracker import tracks_in
from eval.perception.scene import take_apart
from physics_data.core.errors import DataError
from physics_data.core.video import write_video

RED = (220, 40, 40)
TOSS = next(
    (found for up in Path(__file__).parents[4:6] if (found := up / "shared" / "cases" / "files" / "balltoss").is_dir()),
    Path("balltoss"),
)


def falling(times, rate, given=0):
    """The pictures of a fall at these times, shown at an even rate."""
    times = np.asarray(times)
    rgb = drawn(np.stack([60 + 60 * times, 20 + 450 * times**2], -1)[:, None], [RED], size=240, radius=9)
    return Footage(rgb, np.arange(len(times)) / rate, 240, 240, given)


@pytest.mark.parametrize(("source", "shown"), [(24, 30), (25, 30), (15, 30), (10, 30), (20, 24)])
def test_a_padded_rate_is_undone(source, shown):
    times = np.floor(np.arange(round(0.65 * shown)) * source / shown + 1e-9) / source
    audit = audit_footage(falling(times, shown))
    assert not audit.alarm
    assert audit.motions[0].model == "constant_acceleration"
    assert audit.motions[0].residual < 0.05
    assert [finding.kind for finding in audit.findings] == ["padded"]
    assert audit.frame_rate == pytest.approx(source, rel=0.1)


@pytest.mark.parametrize("pictures", [1, 2, 3])
def test_a_hiccup_is_held_then_jumps(pictures):
    times = np.arange(18) / 30
    times[12 : 12 + pictures] = times[11]
    audit = audit_footage(falling(times, 30))
    assert not audit.alarm
    assert audit.motions[0].model == "constant_acceleration"
    assert [(f.kind, f.seconds) for f in audit.findings] == [("held_then_jumps", pytest.approx(11 / 30))]


def test_a_hold_of_which_nothing_is_followed_does_not_stop_the_audit():
    """The ground flickers, no thing is in sight around the held picture."""
    noise = np.random.default_rng(0).normal(0, 6, (24, 96, 96, 3))
    rgb = np.clip(drawn(np.full((24, 1, 2), np.nan), [RED]) + noise, 0, 255).astype(np.uint8)
    rgb[12:14] = rgb[11]
    audit = audit_footage(Footage(rgb, np.arange(24) / 24, 96, 96))
    assert not audit.alarm
    assert "held_then_jumps" in [finding.kind for finding in audit.findings] or audit.permanence.value is None


def test_a_freeze_is_told_from_lost_pictures():
    times = np.arange(18) / 30
    audit = audit_footage(falling([*times[:9], times[8], times[8], times[8], *times[9:]], 30))
    assert [finding.kind for finding in audit.findings] == ["held_then_goes_on"]


def test_a_thing_at_rest_is_not_held():
    x = np.concatenate([np.full(12, 30.0), np.linspace(30, 200, 24), np.full(12, 200.0)])
    rgb = drawn(np.stack([x, np.full(48, 120.0)], -1)[:, None], [RED], size=240, radius=9)
    assert not audit_footage(Footage(rgb, np.arange(48) / 30, 240, 240)).findings


def test_a_cut_is_said_and_the_longest_shot_judged():
    """After a cut to another ground the disc is elsewhere; that is no teleport."""
    x = np.linspace(20, 200, 36)
    path = np.stack([x, np.full(36, 100.0)], -1)[:, None]
    first = drawn(path[::-1][:12], [RED], size=240, radius=9, back=np.full((240, 240, 3), 220, np.uint8))
    rgb = np.concatenate([first, drawn(path, [RED], size=240, radius=9)])
    audit = audit_footage(Footage(rgb, np.arange(48) / 24, 240, 240))
    assert not audit.alarm
    assert [(f.kind, f.seconds) for f in audit.findings] == [("cut", 0.5)]
    assert audit.motions[0].model == "constant_velocity"


def test_what_happens_in_conditioning_frames_is_not_judged():
    """A disc vanishes at frame 10: an event of a video from nothing, and of one with 10 given frames; not with 12."""
    path = np.stack([np.linspace(20, 200, 40), np.full(40, 60.0)], -1)[:, None]
    other = np.stack([np.linspace(200, 20, 40), np.full(40, 180.0)], -1)[:, None]
    path[10:] = np.nan
    rgb = drawn(np.concatenate([path, other], axis=1), [RED, (40, 60, 230)], size=240, radius=9)
    for given, alarm in ((0, True), (10, True), (12, False)):
        audit = audit_footage(Footage(rgb, np.arange(40) / 24, 240, 240, given))
        assert audit.alarm == alarm, given
    still = audit_footage(Footage(rgb[:10].repeat([1] * 9 + [31], axis=0), np.arange(40) / 24, 240, 240, 10))
    assert still.permanence.value is None
    assert [finding.kind for finding in still.findings] == ["still"]


def test_conditioning_frames_are_counted_in_the_file(tmp_path):
    """A file of 60 Hz is read at 30: of its first 8 frames 4 pictures are looked at."""
    path = np.stack([np.linspace(20, 200, 60), np.full(60, 60.0)], -1)[:, None]
    write_video(tmp_path / "a.mp4", drawn(path, [RED], size=240, radius=9), 60.0)
    assert read_footage(tmp_path / "a.mp4", num_conditioning_frames=8).given == 4
    assert audit_video(tmp_path / "a.mp4", num_conditioning_frames=8).num_conditioning_frames == 8
    none = audit_video(tmp_path / "a.mp4", num_conditioning_frames=58)
    assert "after the conditioning frames" in none.permanence.reason


@pytest.mark.skipif(not TOSS.is_dir(), reason="Tracker's ball toss is not at hand")
@pytest.mark.parametrize("side", [320, 640])
def test_a_tossed_ball_is_where_a_person_marked_it(side):
    """All eleven marks of Tracker's BallToss in one track, within 1.5 px of 640; its acceleration as the marks'."""
    text = (TOSS / "BallToss_BallToss.trk").read_text().split(">ball<")[1]
    pattern = r'\[(\d+)\]" type="object">.*?"x" type="double">([\d.]+)<.*?"y" type="double">([\d.]+)<'
    hand = {int(k): np.array([float(x), float(y)]) for k, x, y in re.findall(pattern, text, re.S)}
    footage = read_footage(TOSS / "videos" / "BallToss_new_BallToss.mp4", side=side)
    scale = 640 / footage.rgb.shape[2]
    tracks = tracks_in(take_apart(footage.rgb), footage.seconds, on_canvas=True).tracks
    near = [
        [k for k in hand if t.presence[k] and np.linalg.norm(scale * t.centroid[k] - hand[k]) < 1.5] for t in tracks
    ]
    best = int(np.argmax([len(found) for found in near]))
    assert len(hand) == 11
    assert len(near[best]) == 11
    frames = np.array(sorted(hand))
    marked = np.polyfit(frames, [hand[k][1] for k in frames], 2)[0]
    assert np.polyfit(frames, scale * tracks[best].centroid[frames, 1], 2)[0] == pytest.approx(marked, rel=0.02)
    audit = audit_footage(footage)
    assert not audit.alarm
    assert audit.motions[[m.track for m in audit.motions].index(tracks[best].name)].model == "constant_acceleration"


@pytest.mark.parametrize(
    ("frames", "rate", "message"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), 16.0, "at least one picture"),
        *[(np.zeros((4, 8, 8, 3), np.uint8), rate, "no positive number of Hz") for rate in (0.0, -1.0, np.nan, np.inf)],
    ],
)
def test_frames_and_rates_that_do_not_fit_are_refused(frames: np.ndarray, rate: float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        footage_of(frames, rate)
