"""Suites: their recipes, what is found in a folder, resuming, and what a changed result gives away."""

import hashlib
import json

import numpy as np
import pytest

from benchmarks.suites import SUITES
from benchmarks.suites.export import export_tasks
from benchmarks.suites.folder import Folder
from benchmarks.suites.pair_suite import Pairs, clip_name, names_secret, pair_row
from benchmarks.suites.results import verify_bundle
from benchmarks.suites.rollouts import FINGERPRINTS, Motion, Rollouts, recipe_of, standing
from benchmarks.suites.suite import PUBLIC_SEED, SHAPES, SIZES, Edition, Prepared, Task, find_submissions
from eval.inputs import find_systems
from eval.pairs.pair_scores import ClipScore
from eval.pairs.pair_sets import PairClip, PairSet
from eval.report.bundle import write_bundle
from eval.report.pages import write_pages
from eval.report.table import SeedScore
from eval.scoring import reference_system, score_systems
from eval.store import RowStore
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, DataError

KEYS = ("drop-0", "drop-1")


def row(system: str, key: str, value: float, seed: int = 0, status: str = "ok") -> SeedScore:
    values: dict[str, float | None] = {"object_permanence": value, "motion_realism": value, "overall": value}
    return SeedScore(system, key, "drop", "mujoco", status, "", "0" * 64, values, seed)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", list(SUITES))
def test_a_suite_describes_itself(name):
    info = SUITES.get(name).info
    assert info.name == name
    assert set(info.headline) <= set(info.columns)


@pytest.mark.parametrize("name", ["permanence", "motion"])
def test_both_sizes_have_a_valid_recipe(name):
    suite = SUITES.get(name)()
    assert isinstance(suite, Rollouts)
    for size in SIZES:
        config = suite.config(Edition(size))
        assert config.seed == PUBLIC_SEED
        assert sum(len(tasks) for tasks in config.shards().values()) == len(suite.scenarios) * suite.scenes[size]


@pytest.mark.parametrize("name", list(FINGERPRINTS))
def test_recipes_are_the_pinned_ones(name):
    """A failure says that the public scenes changed: results of before can no longer be compared. Pin the new ones."""
    suite = SUITES.get(name)()
    assert isinstance(suite, Rollouts | Pairs)
    for size in SIZES:
        recipe = recipe_of(suite.config(Edition(size)))
        assert FINGERPRINTS[name][size].partition("-")[0] == recipe
        assert standing(name, Edition(size, "secret"), recipe) == "hidden scenes of a release"
        assert "another recipe" in standing(name, Edition(size), "0" * 16 + "-" + "0" * 16)


def test_scenes_are_compared_with_the_pinned_bytes(monkeypatch):
    monkeypatch.setitem(FINGERPRINTS, "motion", {"quick": "a-b", "full": "c"})
    assert standing("motion", Edition("quick"), "a-b") == "the published scenes, to the byte"
    assert "not its bytes" in standing("motion", Edition("quick"), "a-c")
    assert standing("motion", Edition("full"), "c-d") == "the published recipe"


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FINGERPRINTS))
def test_quick_scenes_are_the_pinned_ones_to_the_byte(name, tmp_path):
    """Holds on x86-64 with AVX2. A change of engines, scenarios or renderer that is meant needs new pins."""
    prepared = SUITES.get(name)().prepare(Edition("quick"), tmp_path, 1, lambda *_: None)
    assert prepared.facts["reference"] == "the published scenes, to the byte", prepared.fingerprint


@pytest.mark.parametrize(("name", "wanted"), [("pairs", "my_model.csv"), ("motion", "my_model/s-1.mp4")])
def test_the_readme_of_a_suite_asks_for_what_it_reads(name, wanted, tmp_path):
    task = Task("s-1", "a ball falls", "", np.zeros((3, 8, 8, 3), np.uint8), 16.0, 3, 8, 8)
    export_tasks(SUITES.get(name)().info, Prepared(None, ("s-1",), "f"), [task], tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert wanted in text
    assert ("one video per scene" in text) == (name == "motion")


def toy_pairs(name: str) -> PairSet:
    clips = [PairClip(f"{name}-{role}", role, role in ("AA", "BB"), 0.5, None, 16.0, 8) for role in ("AA", "BB", "AB")]
    return PairSet(name, "vanish", "free_drop", "mujoco", "visible", 0.5, tuple(clips))


def test_a_row_of_a_set_is_the_fraction_of_ordered_pairs():
    opinions = {"s-AA": ClipScore(1.0), "s-BB": ClipScore(0.0), "s-AB": ClipScore(0.0)}
    found = pair_row("m", toy_pairs("s"), opinions, "0" * 64)
    assert (found.values["pairwise"], found.status, found.scenario) == (0.75, "ok", "vanish")
    lost = pair_row("m", toy_pairs("s"), opinions | {"s-BB": ClipScore(None)}, "0" * 64)
    assert (lost.values["pairwise"], lost.status) == (0.5, "missing")


def test_tables_of_pairs(tmp_path):
    suite, prepared = Pairs(), Prepared(None, ("clip-a",), "x")
    with pytest.raises(DataError, match="no table"):
        suite.find(prepared, tmp_path, None)
    for name in ("a.csv", "b.json", "notes.txt"):
        (tmp_path / name).write_text("")
    assert [s.system for s in suite.find(prepared, tmp_path, None)] == ["a", "b"]
    with pytest.raises(DataError, match="2 tables"):
        suite.find(prepared, tmp_path, "mine")


def test_a_salt_commits_to_hidden_scenes():
    first, second = Edition("quick", "one"), Edition("quick", "two")
    assert first.root_seed("motion") != second.root_seed("motion") != PUBLIC_SEED
    assert first.root_seed("motion") != first.root_seed("permanence")
    first.check(hashlib.sha256(b"one").hexdigest())
    with pytest.raises(ConfigError, match="published"):
        second.check(hashlib.sha256(b"one").hexdigest())


def test_seeds_by_name_and_by_folder(tmp_path):
    for name in ("drop-0.mp4", "drop-1.seed2.mp4", "seed1/drop-0.mp4", "holiday.mp4"):
        (tmp_path / "m" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / name).write_bytes(b"")
    found = find_submissions(tmp_path, KEYS)
    assert [(s.system, s.seed, sorted(s.files)) for s in found] == [
        ("m", 0, ["drop-0"]),
        ("m", 1, ["drop-0"]),
        ("m", 2, ["drop-1"]),
    ]
    assert found[0].unmatched == ("holiday.mp4",)


def test_folders_without_a_usable_video(tmp_path):
    with pytest.raises(DataError, match="holds no video"):
        find_submissions(tmp_path, KEYS)
    (tmp_path / "drop_0.mp4").write_bytes(b"")
    with pytest.raises(DataError, match="named like a scene"):
        find_submissions(tmp_path, KEYS)
    (tmp_path / "drop-0.mp4").write_bytes(b"")
    (tmp_path / "drop-0.gif").write_bytes(b"")
    with pytest.raises(DataError, match="two videos"):
        find_submissions(tmp_path, KEYS)


def test_rows_survive_a_kill(tmp_path):
    store = RowStore(tmp_path / "rows.jsonl", "a")
    store.add([row("m", "drop-0", 0.5)], ("m", "drop-0", 0, "x"))
    with open(tmp_path / "rows.jsonl", "a") as file:
        file.write('{"fingerprint": "a", "vid')
    again = RowStore(tmp_path / "rows.jsonl", "a")
    assert again.get("m", "drop-0", 0, "x") == [row("m", "drop-0", 0.5)]
    assert again.get("m", "drop-0", 0, "another file") is None
    again.add([row("m", "drop-1", 0.5)], ("m", "drop-1", 0, "x"))
    assert RowStore(tmp_path / "rows.jsonl", "a").get("m", "drop-1", 0, "x")
    assert RowStore(tmp_path / "rows.jsonl", "b").get("m", "drop-0", 0, "x") is None


def test_verify_notices_a_changed_row(tmp_path):
    rows = [
        row(system, key, value, seed) for system, value in (("a", 0.5), ("b", 0.25)) for key in KEYS for seed in (0, 1)
    ]
    write_bundle(
        tmp_path, rows, 0, {"suite": "motion", "size": "quick"}, kinds={"b": "control"}, num_conditioning_frames=5
    )
    assert all(check.passed is not False for check in verify_bundle(tmp_path))
    summary = tmp_path / "summary.json"
    of_before = summary.read_text().replace('"control"', '"dummy"').replace('"has_baselines"', '"has_pins"')
    summary.write_text(of_before)
    assert all(check.passed is not False for check in verify_bundle(tmp_path)), "former names are read"
    write_pages([tmp_path], tmp_path)
    assert "| a | model | 0.500" in (tmp_path / "report.md").read_text()
    record = json.loads((tmp_path / "summary.json").read_text())
    assert (record["systems"][0]["seeds"], record["systems"][0]["scenes"]) == (2, 2)
    assert [(c["first"], c["second"]) for c in record["comparisons"]] == [("a", "b")] * 3
    table = tmp_path / "scenes.csv"
    table.write_text(table.read_text().replace("0.5", "0.9", 1))
    assert verify_bundle(tmp_path)[0].passed is False


def test_names_of_clips_cannot_be_worked_out(tmp_path):
    """All keys of a set are public; with them and every usual digest nobody finds out which clip is which."""
    numbered = [f"occluder_pass-{engine}-{index:07d}" for engine in ("mujoco", "bullet") for index in range(20)]
    keys = [f"{name}-{role}" for name in numbered for role in ("AA", "AB", "BA", "BB")]
    secret = names_secret(tmp_path / "names")
    names = [clip_name(key, secret) for key in keys]
    assert len(set(names)) == len(keys)
    candidates = set()
    for key in keys:
        for text in (key, f"pairs\n{key}", f"names\n{key}"):
            for digest in ("md5", "sha1", "sha256", "blake2b"):
                candidates.add(hashlib.new(digest, text.encode()).hexdigest()[:16])
        for known in (b"", b"\0" * 32, b"names", b"worldsim", hashlib.sha256(b"names\n").digest()):
            candidates.add(clip_name(key, known).removeprefix("clip-"))
    assert not {name.removeprefix("clip-") for name in names} & candidates
    assert clip_name(keys[0], names_secret(tmp_path / "other")) != names[0]  # another cache, other names
    assert names_secret(tmp_path / "names") == secret  # the same cache, the same names
    order = np.argsort(names)
    impossible = np.array([key[-2:] in ("AB", "BA") for key in keys])[order]
    assert abs(np.corrcoef(np.arange(len(keys)), impossible)[0, 1]) < 0.4  # sorted by name, roles are mixed


def test_hidden_names_follow_from_the_salt(tmp_path):
    assert names_secret(tmp_path / "a", "s") == names_secret(tmp_path / "b", "s") != names_secret(tmp_path / "c", "t")
    (tmp_path / "a").write_text("00")
    with pytest.raises(DataError, match="damaged"):
        names_secret(tmp_path / "a")


def test_leftovers_of_a_killed_writer_are_no_system(tmp_path):
    for name in ("mine", ".reversed.partial-1-abc", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "drop-0.mp4").write_bytes(b"")
    assert [s.system for s in find_submissions(tmp_path, KEYS)] == ["mine"]
    assert [s.name for s in find_systems(tmp_path, KEYS)] == ["mine"]
    assert [s.system for s in Folder().find(Prepared(None, (), ""), tmp_path, None)] == ["mine"]


@pytest.mark.parametrize("shape", SHAPES)
def test_suites_come_in_three_shapes(shape):
    config = Motion().config(Edition("quick", None, shape))
    ratio = {"square": 1.0, "wide": 16 / 9, "tall": 9 / 16}[shape]
    assert config.settings.width / config.settings.height == ratio
    assert "no published fingerprint" in standing("motion", Edition("quick", None, "wide"), "a-b")


def test_a_suite_without_a_pin_is_no_error():
    """A new suite is one file and one line in the table: nothing else has to know its name."""
    assert "no published fingerprint" in standing("mine", Edition(), "a-b")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["permanence", "motion"])
def test_the_truth_is_known_in_every_scenario_of_a_suite(tmp_path, name):
    """A scenario in which the tracker misreads the truth measures the tracker, and belongs in no suite."""
    suite = SUITES.get(name)()
    prepared = suite.prepare(Edition(), tmp_path, 1, lambda what, done, total: None)
    dataset = ShardDataset(prepared.folder)
    truth, number = [reference_system([], dataset.folder)], prepared.num_conditioning_frames
    rows = [row for (row,) in score_systems(dataset, range(len(dataset)), truth, number)]
    for scenario in suite.scenarios:
        found = [
            row.values["overall"] for row in rows if row.scenario == scenario and row.values["overall"] is not None
        ]
        assert np.mean(found) >= 0.95, (scenario, found)
