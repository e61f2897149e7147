"""Workers of a killed parent end by themselves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

PARENT = """
import os, sys, time
from physics_data.core.workers import worker_pool

def work(seconds):
    print(os.getpid(), flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    with worker_pool(2) as pool:
        list(pool.map(work, [0.0, 0.0, 600.0]))
"""


def test_workers_end_with_a_killed_parent(tmp_path):
    """One worker is busy, the other waits for a task; the pipe closes when the last of them is gone."""
    (tmp_path / "parent.py").write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, str(tmp_path / "parent.py")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    workers = {int(parent.stdout.readline()) for _ in range(3)}
    assert parent.pid not in workers
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    rest, _ = parent.communicate(timeout=120)  # all workers hold the pipe; without the watch this never returns
    assert rest == ""
