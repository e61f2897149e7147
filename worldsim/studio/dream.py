"""The generator's dream: a video model that goes on from frames of the simulator, in a process of its own.

``python -m worldsim.studio.dream MODEL`` is that process. It reads requests and writes answers, each a line of JSON
and then bytes, so that nothing of it is ever a pickle.
"""

import json
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from jaxtyping import UInt8

from physics_data.core.errors import WorldsimError

GIVEN = 5
"""Frames that each piece begins with: of the simulator at first, then the dream's own last ones."""

STEPS, GUIDANCE = 8, 1.0
"""Solver steps and guidance of a piece: as few as keep up with the clock."""


@dataclass(frozen=True)
class DreamModel:
    """What a model says of itself. frames: of a piece, the given ones included; remarks: what it leaves out."""

    frames: int
    size: tuple[int, int]
    frame_rate: float


class Dreamer:
    """The process of a model, used by one thread at a time; it is started when it is first needed."""

    def __init__(self, model: str = "builtin:world") -> None:
        self._name = model
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._facts: DreamModel | None = None

    def model(self) -> DreamModel:
        """Return what the model says of itself, after loading it."""
        with self._guard:
            self._started()
            assert self._facts is not None
            return self._facts

    def go_on(
        self, given: UInt8[np.ndarray, "k h w 3"], prompt: str, seed: int
    ) -> tuple[UInt8[np.ndarray, "t h w 3"], list[str]]:
        """Return the frames after the given ones, and what of the prompt the model leaves out.

        Raises:
            WorldsimError: the model refuses the prompt, or its process died.
        """
        with self._guard:
            process = self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            request = {"prompt": prompt, "seed": seed, "shape": given.shape}
            try:
                send(process.stdin, request, given.tobytes())
                answer, data = receive(process.stdout)
            except (OSError, EOFError) as error:
                self._process = None
                raise WorldsimError("the process of the generator died; start again.") from error
            if "error" in answer:
                raise WorldsimError(str(answer["error"]))
            return np.frombuffer(data, np.uint8).reshape(answer["shape"]), list(answer["remarks"])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "worldsim.studio.dream", self._name]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self._process.stdout is not None
            facts, _ = receive(self._process.stdout)
            self._facts = DreamModel(facts["frames"], (facts["width"], facts["height"]), facts["frame_rate"])
        return self._process


def dream_video(
    dreamer: Dreamer, start: UInt8[np.ndarray, "k h w 3"], prompt: str, seed: int, num_frames: int
) -> Iterator[UInt8[np.ndarray, "t h w 3"]]:
    """Yield so many frames after the given ones, piece by piece; equal arguments give equal bytes on one machine."""
    made, number, given = 0, 0, start[-GIVEN:]
    while made < num_frames:
        piece, _ = dreamer.go_on(given, prompt, piece_seed(seed, number))
        yield piece[: num_frames - made]
        made, number, given = made + len(piece), number + 1, np.concatenate([given, piece])[-GIVEN:]


def piece_seed(seed: int, number: int) -> int:
    """Return the seed of the noise of a piece."""
    return int(np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1)[0])


def send(stream: IO[bytes], facts: dict[str, Any], data: bytes = b"") -> None:
    """Write one message."""
    stream.write(json.dumps({**facts, "bytes": len(data)}).encode() + b"\n" + data)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
    """
    line = stream.readline()
    if not line:
        raise EOFError
    facts: dict[str, Any] = json.loads(line)
    data = stream.read(int(facts["bytes"]))
    if len(data) < int(facts["bytes"]):
        raise EOFError
    return facts, data


def _serve(model: str) -> None:
    import torch

    from worldsim.generator import VideoGenerator

    torch.set_num_threads(1)
    answers, requests = sys.stdout.buffer, sys.stdin.buffer
    sys.stdout = sys.stderr  # what a library prints is no answer
    generator = VideoGenerator.from_pretrained(model)
    frames, height, width = generator.default_size or (17, 64, 64)
    send(answers, {"frames": frames, "height": height, "width": width, "frame_rate": generator.default_frame_rate})
    while True:
        try:
            request, data = receive(requests)
        except EOFError:
            return
        given = np.frombuffer(data, np.uint8).reshape(request["shape"])
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always", UserWarning)
                video = generator(
                    request["prompt"],
                    seed=request["seed"],
                    first_frames=given,
                    num_inference_steps=STEPS,
                    guidance_scale=GUIDANCE,
                )
            remarks = list(dict.fromkeys(str(one.message) for one in said if one.category is UserWarning))
            piece = np.ascontiguousarray(video.frames[len(given) :])
            send(answers, {"shape": piece.shape, "remarks": remarks}, piece.tobytes())
        except WorldsimError as error:
            send(answers, {"error": str(error)})


if __name__ == "__main__":
    _serve(sys.argv[1])
