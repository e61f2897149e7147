"""The ray caster on a GPU: its images against the CPU's, frames per second, share of the memory bandwidth."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu import COMMAND, GpuContext, Rows
from benchmarks.rows import Row, median_row
from benchmarks.speed.render import bench_motion, bench_scene
from physics_data.renderers.cuda import load_cuda
from physics_data.renderers.raycast import RaycastRenderer

STREAMS = ("optical_flow", "backward_flow", "normal_map", "object_coordinates")
EXACT = ("instance_ids", "amodal_masks", "optical_flow_seen", "backward_flow_seen")
TARGETS = {64: 1_500_000.0, 128: 300_000.0}
"""Side of the images → frames per second that are asked for on an H200."""

_FLOW: Any = ("optical_flow",)
_FRAMES = {64: 16_384, 128: 8_192}


def measure_cuda_render(context: GpuContext) -> Rows:
    """CUDA ray caster: equal to the CPU's images, frames per second at 64 and 128 pixels, share of the bandwidth."""
    cuda = load_cuda()
    started = time.perf_counter()
    yield from _against_cpu(12 if context.is_small else 128)
    seconds = [time.perf_counter() - started]
    name = "first images on the GPU: kernels compiled for it, and the CPU's images beside them"
    yield median_row(name, seconds, "s", None, None, None, COMMAND)
    bandwidth = None if context.is_small else _bandwidth(context.repeats)
    if bandwidth is not None:
        name = "memory bandwidth, copy of 2 GiB"
        yield median_row(name, bandwidth, "GB/s", None, None, None, COMMAND)
    for size in TARGETS:
        side, frames = (8, 2) if context.is_small else (size, _FRAMES[size])
        yield from _rate(cuda, side, frames, context, TARGETS[size], bandwidth)


def _against_cpu(side: int) -> Rows:
    """Draw the same clip on both and count the places that differ."""
    spec = bench_scene(side, 3)
    motion = bench_motion(spec)
    cpu = RaycastRenderer().render(spec, motion, STREAMS)
    gpu = RaycastRenderer(device="cuda").render(spec, motion, STREAMS)
    levels = int(np.abs(gpu.rgb.astype(int) - cpu.rgb.astype(int)).max())
    name = f"{side}x{side} on the GPU: largest difference of rgb from the CPU's"
    yield _limit(name, levels, "grey levels", 1.0)
    for stream in EXACT:
        share = 100 * float(np.mean(getattr(gpu, stream) != getattr(cpu, stream)))
        yield _limit(f"{side}x{side} on the GPU: {stream} that differ from the CPU's", share, "% of the places", 0.01)
    for stream in ("depth_map", *STREAMS):
        one, other = getattr(gpu, stream), getattr(cpu, stream)
        close = np.isclose(one, other, rtol=1e-5, atol=1e-4, equal_nan=True)
        name = f"{side}x{side} on the GPU: {stream} further than 1e-5 from the CPU's"
        yield _limit(name, 100 * float(np.mean(~close)), "% of the places", 0.01)
    return None


def _limit(name: str, value: float, unit: str, limit: float) -> Row:
    return Row(name=name, value=value, unit=unit, target=limit, meets=value <= limit, command=COMMAND)


def _rate(cuda: Any, side: int, frames: int, context: GpuContext, target: float, bandwidth: list[float] | None) -> Rows:
    """Time frames that stay on the device: rgb, ids, depth, amodal masks, flow."""
    spec = bench_scene(side, frames)
    motion = bench_motion(spec)
    renderer = RaycastRenderer(device="cuda", memory_budget=2**30 if context.is_small else 16 * 2**30)

    def draw() -> None:
        for _ in renderer.draw_on_device(spec, motion, _FLOW):
            pass
        cuda.synchronize()

    whole = _times(draw, context.repeats)
    drawing = renderer.open_on_device(spec, motion, _FLOW)

    def draw_opened() -> None:
        for _ in drawing.pieces():
            pass
        cuda.synchronize()

    alone = _times(draw_opened, context.repeats)
    what = f"GPU, {side}x{side}: rgb, ids, depth, flow, amodal masks of six bodies, images stay on the device"
    rates = [frames / s for s in alone]
    yield median_row(what, rates, "frames/s", target, None, None, COMMAND)
    rates = [frames / s for s in whole]
    yield median_row(f"{what}; with packing of the scene", rates, "frames/s", None, None, None, COMMAND)
    if bandwidth is not None:
        written = frames * drawing.frame_bytes
        share = [100 * written / s / 1e9 / statistics.median(bandwidth) for s in alone]
        yield median_row(f"{what}; bytes written", share, "% of the bandwidth", None, None, None, COMMAND)
    return None


def _times(work: Callable[[], object], repeats: int) -> list[float]:
    work()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds


def _bandwidth(repeats: int) -> list[float]:
    """Return GB/s read and written together by a copy on the device."""
    import torch

    source = torch.zeros(2**31, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        torch.cuda.synchronize()

    return [2 * source.numel() / s / 1e9 for s in _times(copy, repeats)]
