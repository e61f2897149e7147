import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from physics_data.cli import app
from physics_data.pipeline.overlays import draw_labels, id_color
from physics_data.pipeline.preview import SheetLayout, animation, energy_chart, spread, write_gallery, write_sheet
from physics_data.pipeline.statistics import dataset_statistics, outcome


def test_the_page_holds_every_clip_and_needs_no_other_file(small, tmp_path):
    page = tmp_path / "page.html"
    ticks = []
    shown = write_gallery(small, range(len(small)), page, 6, lambda: ticks.append(1))
    assert shown == len(ticks) == 6
    html = page.read_text()
    assert html.count("data:image/webp;base64,") == 12, "the video and its labels"
    assert html.count("<svg") == 6
    assert not re.findall(r'(?:src|href)="(?!data:)', html)
    assert "free_drop" in html and "occluder_pass" in html
    for word in ("train", "val", "test", "hidden", "contact", "bounce"):
        assert word in html


def test_animations_play_at_the_rate_of_the_clip(small):
    clip = small.load(0)
    address = animation(clip.rgb, clip.meta.frame_rate)
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert picture.n_frames == clip.meta.num_frames
    picture.seek(1)
    picture.load()
    assert picture.info["duration"] == round(1000 / clip.meta.frame_rate)


def test_labels_are_drawn_where_they_are(small):
    clip = small.load(small.select(scenario="free_drop")[0])
    drawn = draw_labels(clip, 4)
    assert drawn.shape == (17, 128, 128, 3)
    top = int(np.flatnonzero((clip.rendering.instance_ids[0] == 1).any(axis=1))[0])
    middle = int(np.median(np.argwhere(clip.rendering.instance_ids[0] == 1)[:, 1]))
    row = drawn[0, 4 * top, 4 * middle : 4 * middle + 4]
    assert (row == np.array(id_color(1))).all(axis=1).any(), "the outline lies on the first row of the mask"


def test_the_chart_shows_every_event_but_bounces(small):
    clip = small.load(small.select(scenario="free_drop")[0])
    chart = energy_chart(clip)
    assert chart.count("<polyline") == 3
    assert chart.count("<line") == sum(event.kind != "bounce" for event in clip.meta.events) > 0


def test_counts_are_those_of_the_clips(small):
    counted = dataset_statistics(small)
    assert sum(counted.clips.values()) == len(small)
    assert counted.splits == ["train", "val", "test"]
    assert counted.events["occluder_pass", "hidden"] == 5
    assert sum(counted.outcomes.values()) == len(small)
    assert sum(counted.drawn.values()) >= len(small)
    clip = small.load(small.select(scenario="occluder_pass")[0])
    assert outcome(clip.meta) == "hidden, revealed"
    assert small.load_meta(0) == small.load(0).meta


def test_spread_takes_both_ends():
    assert spread(range(10), 3) == [0, 4, 9]
    assert spread(range(2), 5) == [0, 1]


@pytest.mark.parametrize("name", ["page.html", "sheet.png"])
def test_the_command_writes_what_the_suffix_says(small_dataset, tmp_path, name):
    out = tmp_path / name
    arguments = ["preview", str(small_dataset), "--out", str(out), "--count", "2", "--labels"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert out.stat().st_size > 1000


def test_other_suffixes_and_splits_are_refused_with_advice(small_dataset, tmp_path):
    result = CliRunner().invoke(app, ["preview", str(small_dataset), "--out", str(tmp_path / "page.pdf")])
    assert "write a page (.html) or a contact sheet (.png)" in str(result.exception)
    result = CliRunner().invoke(app, ["preview", str(small_dataset), "--split", "ood"])
    assert "has no clip of split 'ood'; it has ['test', 'train', 'val']" in str(result.exception)


@pytest.mark.parametrize("labels", [False, True])
def test_a_sheet_of_many_clips_fits_a_screen(small, tmp_path, labels):
    """24 clips with labels were 8,208 pixels high; rows of one clip stay below each other."""
    positions = list(range(len(small))) * 3
    assert write_sheet(small, positions, tmp_path / "sheet.png", 24, SheetLayout(labels=labels)) == 24
    width, height = Image.open(tmp_path / "sheet.png").size
    assert height <= 3000 and 0.5 <= width / height <= 2.0
