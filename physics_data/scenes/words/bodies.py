"""Things as bodies of a scene file: shape, size, colour, material, mass."""

import math
from dataclasses import dataclass
from typing import Any

from physics_data.scenes.materials import MATERIALS
from physics_data.scenes.words.description import Thing
from physics_data.scenes.words.lexicon import things

_SCALES: dict[str, tuple[float, float, float]] = {
    "tiny": (0.5, 0.5, 0.5),
    "small": (0.7, 0.7, 0.7),
    "big": (1.45, 1.45, 1.45),
    "tall": (1.0, 1.0, 1.6),
    "low": (1.0, 1.0, 0.55),
    "long": (1.5, 1.0, 1.0),
    "wide": (1.0, 1.5, 1.0),
    "thin": (0.6, 1.0, 1.0),
    "thick": (1.5, 1.0, 1.0),
}
_WEIGHTS = {"heavy": 4.0, "light": 0.3}
_PALETTE = ("red", "blue", "yellow", "green", "orange", "purple", "white", "cyan", "pink", "black")


@dataclass(frozen=True)
class Solid:
    """A shape of a scene file and its extents.

    Units:
        half:      m, half extents along x, y, z as it stands in the scene
        centroid:  m, of its volume from the origin of its parts
        low, high: m, along z from that origin
    """

    shape: dict[str, Any]
    half: tuple[float, float, float]
    centroid: tuple[float, float, float]
    low: float
    high: float
    center_x: float


def solid(thing: Thing, on_edge: bool) -> Solid:
    """Return the shape of each body of a thing; on_edge: with the axis of a cylinder along y."""
    scale = [1.0, 1.0, 1.0]
    for size in thing.sizes:
        scale = [a * b for a, b in zip(scale, _SCALES[size], strict=True)]
    entry = things()[thing.noun]
    shape = _scaled(entry["shape"], scale)
    if thing.metres and "parts" not in shape:
        whole = 2 * max(_half(shape))
        shape = _scaled(shape, [thing.metres / whole] * 3)
    if "parts" in shape:
        boxes = [(_half(part), part.get("position", [0.0, 0.0, 0.0]), _volume(part)) for part in shape["parts"]]
        low = [min(at[k] - half[k] for half, at, _ in boxes) for k in range(3)]
        high = [max(at[k] + half[k] for half, at, _ in boxes) for k in range(3)]
        total = sum(volume for *_, volume in boxes)
        centroid = tuple(sum(at[k] * volume for _, at, volume in boxes) / total for k in range(3))
        half = tuple((b - a) / 2 for a, b in zip(low, high, strict=True))
        return Solid(shape, half, centroid, low[2], high[2], (low[0] + high[0]) / 2)  # type: ignore[arg-type]
    x, y, z = _half(shape)
    if on_edge and "cylinder" in shape:
        x, y, z = x, z, x
    return Solid(shape, (x, y, z), (0.0, 0.0, 0.0), -z, z, 0.0)


def looks(thing: Thing, number: int, taken: list[str]) -> dict[str, Any]:
    """Return colour, material and mass of a body as keys of a scene file."""
    entry = things()[thing.noun]
    made_of = thing.material or entry.get("material")
    found: dict[str, Any] = {}
    if made_of:
        found["material"] = made_of
    if thing.colors:
        found["color"] = thing.colors[min(number, len(thing.colors) - 1)]
    elif thing.material is None and "color" in entry:
        found["color"] = entry["color"]
    elif made_of is None or MATERIALS[made_of].color is None:
        found["color"] = next((c for c in _PALETTE if c not in taken), "red")
        taken.append(found["color"])
    if thing.kilograms:
        found["mass"] = thing.kilograms
    elif thing.weight or ("mass" in entry and thing.material is None):
        if "mass" in entry and thing.material is None:
            found["mass"] = round(entry["mass"] * _WEIGHTS.get(thing.weight or "", 1.0), 4)
        else:
            found["density"] = round(MATERIALS[made_of or "plastic"].density * _WEIGHTS[thing.weight or ""], 1)
    return found


def _scaled(shape: dict[str, Any], scale: list[float]) -> dict[str, Any]:
    if "parts" in shape:
        uniform = [scale[0], scale[1], scale[2]]
        return {
            "parts": [
                {
                    **_scaled({k: v for k, v in part.items() if k != "position"}, uniform),
                    "position": [_r(a * s) for a, s in zip(part.get("position", [0, 0, 0]), uniform, strict=True)],
                }
                for part in shape["parts"]
            ]
        }
    kind, value = next(iter(shape.items()))
    if kind == "sphere":
        return {kind: _r(value * (scale[0] * scale[1] * scale[2]) ** (1 / 3))}
    if kind in ("cylinder", "capsule"):
        return {kind: [_r(value[0] * math.sqrt(scale[0] * scale[1])), _r(value[1] * scale[2])]}
    return {kind: [_r(a * s) for a, s in zip(value, scale, strict=True)]}


def _half(shape: dict[str, Any]) -> tuple[float, float, float]:
    if "sphere" in shape:
        return (shape["sphere"],) * 3
    if "box" in shape:
        x, y, z = shape["box"]
        return x / 2, y / 2, z / 2
    if "ellipsoid" in shape:
        x, y, z = shape["ellipsoid"]
        return x, y, z
    radius, height = shape["cylinder"]
    return radius, radius, height / 2


def _volume(shape: dict[str, Any]) -> float:
    if "sphere" in shape:
        return 4 / 3 * math.pi * shape["sphere"] ** 3
    if "box" in shape:
        x, y, z = shape["box"]
        return x * y * z
    radius, height = shape["cylinder"]
    return math.pi * radius**2 * height


def _r(value: float) -> float:
    return round(float(value), 4)
