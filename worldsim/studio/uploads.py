"""Files from the browser: limited in size, and videos decoded in a child process that may take little.

``python -m worldsim.studio.uploads SOURCE TARGET`` is that child.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from physics_data.core.errors import DataError

MAX_UPLOAD = 64 * 2**20
MAX_BODY = 2**20
"""Largest upload, and largest body of any other request, bytes."""

UPLOAD_PATH = "/api/upload"

MAX_FRAMES, MAX_SIDE = 600, 640
_MAX_PIXELS = 4096 * 4096
_MEMORY, _CPU_SECONDS, _WALL_SECONDS = 3 * 2**30, 60, 120


class BodyLimit:
    """ASGI middleware that ends a request whose body is too large, whatever its header says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MAX_UPLOAD if scope["path"] == UPLOAD_PATH else MAX_BODY
        length = dict(scope["headers"]).get(b"content-length", b"0")
        seen, started = 0, False

        async def refuse() -> None:
            text = json.dumps({"error": f"the file is larger than {most // 2**20} MiB; give a smaller one."}).encode()
            headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 413, "headers": headers})
            await send({"type": "http.response.body", "body": text})

        if not length.isdigit() or int(length) > most:
            await refuse()
            return

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > most:
                    raise _TooLargeError
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLargeError:
            if not started:
                await refuse()


class _TooLargeError(Exception):
    pass


async def save_upload(request: Request, path: Path) -> None:
    """Write the body of a request to a file, piece by piece.

    Raises:
        DataError: the body is empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with open(path, "wb") as file:
        async for piece in request.stream():
            size += len(piece)
            file.write(piece)
    if not size:
        raise DataError("the file is empty; choose another one.")


def decode_in_child(source: Path, target: Path) -> dict[str, Any]:
    """Decode an unknown video in a child process with limits, and write it anew as MP4.

    Returns:
        frames, width, height, frame_rate, and ``cut``: what was left out, in words.

    Raises:
        DataError: it is no video, or takes more than a video of this size should.
    """
    command = [sys.executable, "-m", "worldsim.studio.uploads", str(source), str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise DataError(f"the video took longer than {_WALL_SECONDS} s to decode; give a shorter one.") from None
    lines = done.stdout.strip().splitlines()
    answer: dict[str, Any] = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    if "error" in answer:
        raise DataError(str(answer["error"]))
    if done.returncode or "frames" not in answer:
        raise DataError("the video needs more memory or time than an upload may take; give a smaller one.")
    return answer


def _decode(source: Path, target: Path) -> dict[str, Any]:
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, MAX_UPLOAD),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    import av
    import numpy as np

    from physics_data.core.video import write_video

    frames: list[np.ndarray] = []
    cut = ""
    with av.open(str(source)) as container:
        if not container.streams.video:
            return {"error": "the file holds no video; give an MP4, WebM, MOV or GIF."}
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        width, height = stream.codec_context.width, stream.codec_context.height
        if not min(width, height) >= 8 or width * height > _MAX_PIXELS:
            return {"error": f"the video is {width}x{height}; give one of at least 8x8 and at most 4096x4096 pixels."}
        scale = min(1.0, MAX_SIDE / max(width, height))
        size = [max(8, 2 * round(side * scale / 2)) for side in (width, height)]
        if scale < 1:
            cut = f"scaled from {width}x{height} to {size[0]}x{size[1]}"
        rate = float(stream.average_rate or 16.0)
        for frame in container.decode(stream):
            if len(frames) == MAX_FRAMES:
                cut = f"{cut}, " * bool(cut) + f"only its first {MAX_FRAMES} frames are kept"
                break
            frames.append(frame.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray())
    if not frames:
        return {"error": "the video holds no frame that can be decoded."}
    write_video(target, np.stack(frames), rate, "yuv420p")
    return {"frames": len(frames), "width": size[0], "height": size[1], "frame_rate": rate, "cut": cut}


def _main() -> None:
    try:
        answer = _decode(Path(sys.argv[1]), Path(sys.argv[2]))
    except MemoryError:
        raise SystemExit(2) from None
    except Exception as error:  # anything that a broken file can cause
        answer = {"error": f"the file cannot be read as a video ({type(error).__name__}); give an MP4, WebM or GIF."}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    _main()
