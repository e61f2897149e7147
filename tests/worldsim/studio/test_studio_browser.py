"""The studio in a real Chromium: each room opened and used, at two widths; axe finds nothing serious.

Pictures of the rooms are written to the folder STUDIO_PICTURES where that is set, e.g. for the docs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'worldsim[dev]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine: apt-get install chromium", allow_module_level=True)

from axe_playwright_python.sync_playwright import Axe  # noqa: E402
from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402

import worldsim as ws  # noqa: E402
from physics_data.core.dataset import ShardDataset  # noqa: E402
from physics_data.core.video import write_video  # noqa: E402

pytestmark = pytest.mark.slow

TOKEN = "token-of-the-test"
WIDTHS = {1400: 900, 390: 844}
PATIENCE = 240_000
"""Longest wait for anything, ms: the first picture on a machine compiles the renderer."""
SCRIPT = "<img src=x onerror=\"document.title='broken in'\">"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with a pair, scores of two systems, videos to vote on, a run, and a script wherever text can be."""
    runs = tmp_path_factory.mktemp("runs")
    config = {
        "scenarios": ["collide"],
        "scenes_per_scenario": {"train": 1, "test": 2},
        "engines": ["mujoco"],
        "pairs": {"editors": ["teleport"], "sets_per_editor": {"test": 1}},
        "settings": {"num_frames": 17, "width": 64, "height": 64},
    }
    data = ws.build_dataset(config, runs / "physics")
    tests = [k for k in data.select(split="test") if data.rows[k].pair_id is None]
    for shade, system in enumerate(("careful", "careless")):
        for position in tests:
            clip = data.load(position)
            rgb = clip.rgb if system == "careful" else clip.rgb[[0] * len(clip.rgb)]
            write_video(_made(runs / "videos" / system) / f"{clip.meta.key}.mp4", rgb, 16.0, "yuv420p")
        (runs / "videos" / system / "record.txt").write_text(str(shade))
    prompts = {data.rows[k].key: f"{data.rows[k].caption} {SCRIPT}" for k in tests}
    (runs / "videos" / "prompts.json").write_text(json.dumps(prompts))
    evaluator = ws.Evaluator(runs / "physics", num_conditioning_frames=1)
    from eval.report.bundle import write_bundle

    scores = evaluator.score(runs / "videos")
    facts = {"reference": "physics", "note": SCRIPT}
    write_bundle(runs / "scores", scores.rows, 0, facts, num_conditioning_frames=1)
    lines = [json.dumps({"step": k, "loss": 1 / (k + 1), "validation/loss": 1.2 / (k + 1)}) for k in range(200)]
    (_made(runs / "training") / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return runs


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "worldsim", "studio", str(folder), "--port", "0", "--no-browser"]
    environment = {**os.environ, "WORLDSIM_STUDIO_TOKEN": TOKEN}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://localhost:\d+", line):
                threading.Thread(target=process.stderr.read, daemon=True).start()
                yield found.group()
                break
        process.terminate()


@pytest.fixture(params=WIDTHS, ids=lambda width: f"{width}px")
def page(address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        size: Any = {"width": request.param, "height": WIDTHS[request.param]}
        page = browser.new_page(viewport=size)
        page.set_default_timeout(PATIENCE)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.add_init_script("localStorage.clear()")
        page.goto(f"{address}/?token={TOKEN}")
        assert "token" not in page.url
        yield page
        # The waiting of the driver itself is what asks for eval, and the policy refuses it.
        assert not [one for one in errors if "unsafe-eval" not in one]
        assert page.title().endswith("Worldsim studio"), "a script in a caption has run"
        browser.close()


def opened(page: Page, room: str) -> Page:
    page.goto(f"{page.url.split('#')[0]}#/{room}")
    page.wait_for_selector("main h1")
    return page


def looked_at(page: Page, name: str) -> None:
    """Check what holds for each room, and keep its picture."""
    width = page.evaluate("innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page is wider than the window"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        serious = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
        told = [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in serious]
        assert not told, f"{name} in {scheme} colours: {told}"
    page.emulate_media(color_scheme="light")
    if pictures := os.environ.get("STUDIO_PICTURES"):
        page.evaluate("() => scrollTo(0, 0)")
        page.screenshot(path=f"{pictures}/{name}-{width}.png", full_page=True)


def test_make(page: Page) -> None:
    opened(page, "make")
    page.get_by_label("What happens").fill("a red ball rolls off a table and hits a blue box")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Seen to happen in simulation")).to_be_visible(timeout=PATIENCE)
    before = page.get_by_label("Scene file").input_value()
    page.get_by_role("img", name="The scene.").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("before => document.querySelector('textarea').value !== before", arg=before)
    page.get_by_role("button", name="Simulate").focus()
    page.keyboard.press("Enter")
    expect(page.locator("video")).to_have_count(1, timeout=PATIENCE)
    page.wait_for_function("() => document.querySelector('video').readyState >= 2")
    looked_at(page, "make")


def test_a_dragged_body_moves(page: Page) -> None:
    opened(page, "make")
    page.get_by_role("button", name="Make the scene").click()
    page.get_by_label("Body", exact=True).select_option("blue_box")
    view = page.get_by_role("img", name="The scene.")
    place = page.get_by_label("Position x, y, z (m) x")
    before = place.input_value()
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    assert box is not None
    handle = page.evaluate("document.querySelector('.view').handle('blue_box')")
    x, y = box["x"] + handle["x"] * box["width"], box["y"] + handle["y"] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 4, steps=3)
    page.mouse.up()
    expect(place).not_to_have_value(before)


def test_datasets(page: Page, folder: Path) -> None:
    opened(page, "datasets")
    page.get_by_role("link", name="physics").click()
    expect(page.locator("main .tile")).to_have_count(len(ShardDataset(folder / "physics")))
    page.get_by_role("button", name="Count").click()
    expect(page.get_by_text("What happens, most frequent")).to_be_visible()
    looked_at(page, "dataset")
    page.locator("main .tile").last.click()
    expect(page.get_by_role("heading", name="Possible and impossible")).to_be_visible()
    page.wait_for_function("() => [...document.querySelectorAll('video')].every((one) => one.readyState >= 2)")
    looked_at(page, "clip")


def test_scores(page: Page) -> None:
    opened(page, "scores")
    page.get_by_role("link", name="scores careful").click()
    expect(page.get_by_role("heading", name="Two systems, scene by scene")).to_be_visible()
    page.get_by_role("button", name="collide-mujoco-1000000").first.click()
    expect(page.locator("video")).to_have_count(2)
    page.wait_for_function("() => [...document.querySelectorAll('video')].every((one) => one.readyState >= 2)")
    looked_at(page, "scores")


def test_vote_by_keyboard_alone(page: Page) -> None:
    opened(page, "vote")
    page.get_by_role("link", name="videos").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Nickname").fill(f"ann {page.evaluate('innerWidth')}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("stay what and where they are")).to_be_visible()
    assert SCRIPT in page.locator("main").inner_text(), "the caption is shown as it is"
    looked_at(page, "vote")
    assert not any(name in page.content() for name in ("careful", "careless")), "the models are not named"
    for key in ("ArrowLeft", "ArrowRight", "ArrowDown", "ArrowUp"):
        with page.expect_response("**/api/vote/answer"):
            page.keyboard.press(key)
        page.wait_for_timeout(1000)
    expect(page.get_by_text("All 2 comparisons are answered")).to_be_visible()


def test_play(page: Page) -> None:
    opened(page, "play")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Click a body to push it")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("img", name="The simulator", exact=True).focus()
    page.keyboard.press("1")
    expect(page.get_by_text("pushed ")).to_be_visible()
    page.wait_for_function("() => document.querySelector('.stats b').textContent !== '–'")
    page.wait_for_function("() => document.querySelectorAll('svg.chart').length >= 2")
    page.wait_for_timeout(3000)
    page.keyboard.press("p")
    looked_at(page, "play")
    page.get_by_label("Name", exact=True).fill(f"game_{page.evaluate('innerWidth')}")
    page.get_by_role("button", name="Save the recording").click()
    page.get_by_role("button", name="Replay").last.click()
    expect(page.get_by_text("sha256 of the simulator")).to_be_visible(timeout=PATIENCE)


def test_runs(page: Page) -> None:
    opened(page, "runs")
    page.get_by_role("link", name="training").click()
    expect(page.locator("svg.chart")).to_have_count(2)
    looked_at(page, "runs")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
