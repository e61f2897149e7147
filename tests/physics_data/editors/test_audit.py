"""The audit: chance where there is nothing to see, and a planted leak found."""

import dataclasses

import numpy as np
import pytest

from physics_data.core.clip import Clip
from physics_data.core.errors import DataError
from physics_data.pipeline.audit import LIMIT, audit
from tests.physics_data.editors.conftest import pairs_of

EDITORS = ("hidden_vanish", "hidden_color_swap", "teleport")


@pytest.fixture(scope="module")
def quadruplets() -> list[Clip]:
    return [clip for editor in EDITORS for index in range(3) for clip in pairs_of(editor, index)]


def test_quadruplets_are_at_chance_by_construction(quadruplets):
    report = audit(quadruplets)
    assert report.passes
    held = [row for row in report.rows if row.limit is not None]
    assert {row.editor for row in held} == {*EDITORS, "all quadruplets"}
    assert all(row.limit == LIMIT and row.accuracy == 0.5 and row.passes for row in held)
    free = [row for row in report.rows if row.limit is None]
    assert {row.classifier for row in free} == {"set of frames"}
    assert all(row.passes is None and row.low <= row.accuracy <= row.high for row in free)


def test_a_leak_is_found(quadruplets):
    leaking = []
    for clip in quadruplets:
        rgb = clip.rgb.copy()
        if not clip.meta.pair.is_possible:
            rgb[:, :3, :3] = 255 - rgb[:, :3, :3]
        leaking.append(dataclasses.replace(clip, rgb=rgb))
    report = audit(leaking)
    assert not report.passes
    by_classifier = {row.classifier: row for row in report.rows if row.editor == "all quadruplets"}
    assert by_classifier["single frame"].accuracy > 0.95
    assert by_classifier["shuffled frames"].accuracy > 0.95
    assert by_classifier["shuffled frames"].passes is False


def test_other_sets_are_told_and_not_held_to_a_limit():
    report = audit([clip for index in range(2) for clip in pairs_of("time_reversal", index)])
    assert {row.editor for row in report.rows} == {"time_reversal", "all others"}
    assert all(row.limit is None and row.sets == 2 for row in report.rows)
    assert report.passes


def test_one_set_says_nothing(quadruplets):
    report = audit(quadruplets[:4])
    assert report.passes
    assert all(np.isnan(row.accuracy) and row.passes is None for row in report.rows)


def test_clips_without_pairs_are_refused(quadruplets):
    plain = dataclasses.replace(quadruplets[0], meta=quadruplets[0].meta.model_copy(update={"pair": None}))
    with pytest.raises(DataError, match="section 'pairs'"):
        audit([plain])
