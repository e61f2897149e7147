"""A language model's scenes are checked like all others: faults go back to it, and nothing falls back unasked."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from physics_data.core.errors import ConfigError
from physics_data.scenes.words.direct import direct
from physics_data.scenes.words.language_model import ROUNDS, LanguageModelError, direct_with, request_body

WORDS = "a red ball falls on a blue box"
GOOD: dict[str, Any] = {
    "duration": 1.5,
    "bodies": {
        "blue_box": {"box": [0.3, 0.3, 0.3], "color": "blue", "on": "floor"},
        "red_ball": {"sphere": 0.1, "color": "red", "position": [0.0, 0.0, 1.2]},
    },
}
OVERLAP = {**GOOD, "bodies": {**GOOD["bodies"], "red_ball": {"sphere": 0.1, "position": [0.0, 0.0, 0.3]}}}
MISSES = {**GOOD, "bodies": {**GOOD["bodies"], "red_ball": {"sphere": 0.1, "position": [2.0, 0.0, 1.2]}}}
TUNNEL = {
    **GOOD,
    "bodies": {**GOOD["bodies"], "bullet": {"sphere": 0.01, "position": [9, 9, 1], "velocity": [900, 0, 0]}},
}

SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

answers, log = json.loads(sys.argv[1]), open(sys.argv[2], "a")

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        log.write(json.dumps({"path": self.path, "key": self.headers.get("Authorization"), "body": body}) + chr(10))
        log.flush()
        content = answers.pop(0) if len(answers) > 1 else answers[0]
        data = json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class Recorded:
    """Answers in a fixed order; keeps what was asked."""

    def __init__(self, *answers: object) -> None:
        self.answers = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
        self.asked: list[list[dict[str, str]]] = []

    def __call__(self, messages: list[dict[str, str]]) -> str:
        self.asked.append(list(messages))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Any]:
    processes = []

    def start(*answers: str) -> tuple[str, Path]:
        log = tmp_path / "requests.jsonl"
        command = [sys.executable, "-c", SERVER, json.dumps(answers), str(log)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{int(process.stdout.readline())}/v1", log

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_server_process_gets_the_schema_and_the_faults(endpoint, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    url, log = endpoint(json.dumps(OVERLAP), json.dumps(GOOD))
    scene = direct(WORDS, llm=url, llm_model="tiny")
    assert [f.event.kind for f in scene.events] == ["fall", "hit"]
    assert scene.tries == 2
    first, second = (json.loads(line) for line in log.read_text().splitlines())
    assert first["path"] == "/v1/chat/completions"
    assert first["key"] == "Bearer a-key"
    assert first["body"] == request_body("tiny", first["body"]["messages"])
    assert "bodies" in first["body"]["response_format"]["json_schema"]["schema"]["properties"]
    assert first["body"]["messages"][-1] == {"role": "user", "content": WORDS}
    assert "overlap" in second["body"]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [(MISSES, "does not happen"), (TUNNEL, "could pass through"), ("I cannot.", "no JSON"), ({"bodies": {}}, "bodies")],
)
def test_each_fault_is_told(answer: object, fault: str) -> None:
    model = Recorded(answer, GOOD)
    assert direct_with(model, WORDS).tries == 2
    assert fault in model.asked[1][-1]["content"]


def test_a_babbling_model_ends_in_a_sentence() -> None:
    model = Recorded("la la la")
    with pytest.raises(LanguageModelError, match="no scene in 4 answers"):
        direct_with(model, WORDS)
    assert len(model.asked) == ROUNDS


def test_no_fallback_unless_asked() -> None:
    nobody = "http://127.0.0.1:9/v1"
    with pytest.raises(LanguageModelError, match="no language model at"):
        direct(WORDS, llm=nobody, llm_model="tiny")
    scene = direct(WORDS, llm=nobody, llm_model="tiny", fallback=True)
    assert any("embedded parser" in line for line in scene.assumed)
    with pytest.raises(ConfigError, match="--llm-model"):
        direct(WORDS, llm=nobody)
    with pytest.raises(ConfigError, match="--llm URL"):
        direct(WORDS, fallback=True)
    with pytest.raises(LanguageModelError, match="no URL"):
        direct(WORDS, llm="file:///etc/passwd", llm_model="tiny")
