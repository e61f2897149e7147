"""Run the demo's steps as the commands they are, and keep how long each took and how much memory it used."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.demo.steps import Step
from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel
from physics_data.core.errors import WorldsimError
from physics_data.core.program import messages


class StepFailedError(WorldsimError):
    """A step of the demo ended with an error."""


class StepRecord(StrictModel):
    """What one finished step cost. peak_memory is that of its largest process, bytes."""

    name: str
    purpose: str
    command: str
    seconds: float
    peak_memory: int


def run_steps(steps: list[Step], record_path: Path) -> list[StepRecord]:
    """Run the steps in order. Every command resumes, so a second run only does what is missing.

    A step that was finished before with the same command keeps the time it took then.

    Raises:
        StepFailedError: a command ended with an error; it has said why.
    """
    before = {record.command: record for record in read_records(record_path)}
    records: list[StepRecord] = []
    for number, step in enumerate(steps, start=1):
        command = step.command
        messages.rule(f"[bold]{number}/{len(steps)}  {step.name}[/bold] – {step.purpose}", align="left")
        messages.print(f"[dim]$ {command}[/dim]", soft_wrap=True, highlight=False)
        seconds, peak_memory = _run(step)
        earlier = before.get(command)
        if earlier is not None and earlier.seconds > seconds:
            seconds, peak_memory = earlier.seconds, earlier.peak_memory
        records.append(
            StepRecord(name=step.name, purpose=step.purpose, command=command, seconds=seconds, peak_memory=peak_memory)
        )
        rest = [record for key, record in before.items() if key not in {r.command for r in records}]
        write_text(record_path, json.dumps([r.model_dump() for r in [*records, *rest]], indent=1))
    return records


def read_records(record_path: Path) -> list[StepRecord]:
    """Return the records of earlier runs, if there are any."""
    if not record_path.is_file():
        return []
    return [StepRecord(**record) for record in json.loads(record_path.read_text(encoding="utf-8"))]


def _run(step: Step) -> tuple[float, int]:
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *step.arguments])
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        os.waitpid(process.pid, 0)
        raise
    code = os.waitstatus_to_exitcode(status)
    if code == 130:
        raise KeyboardInterrupt
    if code != 0:
        raise StepFailedError(
            f"step '{step.name}' ended with exit code {code}; what it says is above. After mending it, run the same "
            "command again: finished steps are not repeated."
        )
    return time.monotonic() - started, _bytes(usage)


def _bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
