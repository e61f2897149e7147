"""The contact sheets of ``docs/appearance.md``, as tables of what stands in each cell."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.appearance import peers
from benchmarks.appearance.stage import (
    LEVEL,
    OAK,
    STONE,
    SUN,
    WIDE,
    body,
    floor,
    new_trio,
    painted_pictures,
    sheet,
    stage,
    standing,
    tray,
    trio,
)
from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
    Cylinder,
    ImageTexture,
    Lamp,
    Lighting,
    SceneSpec,
    Sensor,
    Sphere,
    Vector3,
)
from physics_data.renderers.raycast import RaycastRenderer
from physics_data.scenarios.shared.scenario import SceneSettings
from physics_data.variation.appearance import sample_appearances, sample_floor, sample_prop
from physics_data.variation.lighting import sample_lighting, sample_sensor

CELL = (224, 160)
RED = Appearance(color_name="red", albedo=(0.75, 0.03, 0.03), second_albedo=(0.30, 0.01, 0.01))
Cell = tuple[str, np.ndarray]


def write_pictures(out: Path, report: Callable[[str], object]) -> list[Path]:
    """Draw all sheets into a folder and return their files; what cannot be drawn on this machine is reported."""
    out.mkdir(parents=True, exist_ok=True)
    files = []
    with tempfile.TemporaryDirectory() as folder:
        painted = painted_pictures(Path(folder))
        sheets: dict[str, tuple[list[Cell], int]] = {
            "patterns": (patterns(painted), 4),
            "materials": (materials(), 4),
            "shapes": (shapes(painted), 4),
            "light": (light(painted), 4),
            "sensor": (sensor(), 3),
            "varied": (drawn_by_lot("varied"), 5),
            "held_out": (drawn_by_lot("held_out"), 5),
            "side_by_side": (side_by_side(report), 2),
        }
    for name, (cells, columns) in sheets.items():
        file = out / f"appearance_{name}.png"
        sheet(cells, columns).save(file, optimize=True)
        files.append(file)
    return files


def render(spec: SceneSpec, velocity: dict[str, Vector3] | None = None) -> np.ndarray:
    """Return the first frame's rgb."""
    return RaycastRenderer().render(spec, standing(spec, velocity)).rgb[0]


def patterns(painted: dict[str, ImageTexture]) -> list[Cell]:
    """Every pattern on a ball, a box and a can."""
    looks: dict[str, dict[str, object]] = {
        "plain": {},
        "checker": {"pattern_scale": 0.28},
        "stripes": {"pattern_scale": 0.22},
        "dots": {"pattern_scale": 0.22, "second_albedo": (0.85, 0.85, 0.85)},
        "wood": {"pattern_scale": 0.085, "albedo": (0.72, 0.36, 0.13), "second_albedo": (0.36, 0.13, 0.04)},
        "marble": {"pattern_scale": 0.26, "albedo": (0.82, 0.82, 0.79), "second_albedo": (0.14, 0.16, 0.20)},
        "noise": {"pattern_scale": 0.2, "albedo": (0.12, 0.42, 0.16), "second_albedo": (0.03, 0.13, 0.06)},
        "image": {"pattern_scale": 0.6, "albedo": (1.0, 1.0, 1.0), "image": painted["mosaic"]},
    }
    cells = []
    for name, look in looks.items():
        dressed = Appearance.model_validate(RED.model_dump() | {"pattern": name} | look)
        cells.append((f"pattern: {name}", render(stage((floor(STONE), *trio(dressed)), CELL))))
    return cells


def materials() -> list[Cell]:
    """Roughness, metal, glass, and a floor that mirrors."""
    blue = Appearance(color_name="blue", albedo=(0.03, 0.10, 0.62), specular=0.35)
    steel = Appearance(color_name="grey", albedo=(0.78, 0.79, 0.82), metallic=1.0, specular=0.0)
    brass = Appearance(color_name="yellow", albedo=(0.86, 0.62, 0.22), metallic=1.0, specular=0.0)
    looks = {
        "roughness 0.05": blue.model_copy(update={"roughness": 0.05}),
        "roughness 0.35 (default)": blue,
        "roughness 0.9": blue.model_copy(update={"roughness": 0.9}),
        "metallic 1, roughness 0": steel.model_copy(update={"roughness": 0.0}),
        "metallic 1, roughness 0.2": brass.model_copy(update={"roughness": 0.2}),
        "metallic 1, roughness 0.6": brass.model_copy(update={"roughness": 0.6}),
    }
    cells = [(name, render(stage((floor(OAK), *trio(look)), CELL))) for name, look in looks.items()]
    glass = Appearance(color_name="clear", albedo=(0.75, 0.85, 0.85), transparency=0.82, specular=0.4, roughness=0.1)
    inside = (
        body("inner", Sphere(radius=0.2), (-0.1, 0.1, 0.2), RED),
        body("cube", Box(half_extents=(0.14, 0.14, 0.14)), (0.75, 0.3, 0.14), blue, turn=0.5),
        body("tank", Box(half_extents=(0.75, 0.4, 0.42)), (0.3, 0.1, 0.42), glass),
        body("ball", Sphere(radius=0.32), (-1.1, 0.2, 0.32), glass.model_copy(update={"albedo": (0.9, 0.9, 0.9)})),
    )
    cells.append(("transparency 0.82", render(stage((floor(OAK), *inside), CELL))))
    polished = STONE.model_copy(update={"metallic": 0.35, "roughness": 0.1, "albedo": (0.30, 0.31, 0.33)})
    cells.append(("a floor with metallic 0.35", render(stage((floor(polished), *trio(RED)), CELL))))
    return cells


def shapes(painted: dict[str, ImageTexture]) -> list[Cell]:
    """The other shapes in some looks, and a compound of glass with something in it."""
    looks: dict[str, dict[str, object]] = {
        "dots": {"pattern": "dots", "pattern_scale": 0.2, "second_albedo": (0.85, 0.85, 0.85)},
        "a picture": {
            "pattern": "image", "pattern_scale": 0.6, "albedo": (1.0, 1.0, 1.0), "image": painted["mosaic"],
        },
        "metal": {"metallic": 1.0, "roughness": 0.08, "albedo": (0.86, 0.62, 0.22), "specular": 0.0},
    }  # fmt: skip
    cells = []
    for name, look in looks.items():
        dressed = Appearance.model_validate(RED.model_dump() | look)
        cells.append((f"capsule, ellipsoid, mesh: {name}", render(stage((floor(OAK), *new_trio(dressed)), CELL))))
    glass = Appearance(color_name="clear", albedo=(0.75, 0.85, 0.85), transparency=0.8, specular=0.4, roughness=0.1)
    bodies = (
        floor(OAK),
        body("inner", Sphere(radius=0.2), (-0.15, 0.0, 0.24), RED),
        body("other", Sphere(radius=0.15), (0.4, 0.1, 0.19), RED.model_copy(update={"albedo": (0.05, 0.15, 0.7)})),
        tray(glass),
    )
    return [*cells, ("an open box of glass, a compound", render(stage(bodies, CELL)))]


def light(painted: dict[str, ImageTexture]) -> list[Cell]:
    """Suns, lamps, skies and pictures behind the scene."""
    steel = Appearance(color_name="grey", albedo=(0.80, 0.81, 0.84), metallic=1.0, specular=0.0, roughness=0.02)
    green = Appearance(color_name="green", albedo=(0.03, 0.42, 0.06))
    ball, box, can = trio(RED)
    bodies = (
        floor(STONE),
        ball.model_copy(update={"appearance": steel}),
        box,
        can.model_copy(update={"appearance": green}),
    )
    night: dict[str, object] = {"sun_intensity": 0.0, "ambient_intensity": 0.12, "sky_zenith": (0.02, 0.02, 0.05)}
    night |= {"sky_horizon": (0.05, 0.05, 0.09)}
    warm = Lamp(position=(-0.4, -1.3, 1.5), color=(1.0, 0.72, 0.42), intensity=2.6, radius=0.06)
    cold = Lamp(position=(1.7, 0.8, 1.3), color=(0.45, 0.62, 1.0), intensity=2.2, radius=0.06)
    dusk: dict[str, object] = {
        "sun_direction": (-1.0, -0.35, 0.55),
        "sky_zenith": (0.20, 0.22, 0.42),
        "sky_horizon": (0.9, 0.6, 0.45),
    }
    lights: dict[str, dict[str, object]] = {
        "sun, half angle 0.3°": {"sun_angle": 0.3},
        "sun, half angle 6°": {"sun_angle": 6.0},
        "overcast": {
            "sun_intensity": 0.35,
            "ambient_intensity": 0.62,
            "sun_angle": 15.0,
            "sky_zenith": (0.6, 0.64, 0.7),
        },
        "low sun": dusk,
        "a lamp of radius 0.06 m": night | {"lamps": (warm,)},
        "two lamps of radius 0.3 m": night
        | {"lamps": (warm.model_copy(update={"radius": 0.3}), cold.model_copy(update={"radius": 0.3}))},
        "environment picture": {"environment": painted["panorama"]},
        "backdrop picture": {"backdrop": painted["hills"]},
    }
    cells = []
    for name, changes in lights.items():
        lighting = Lighting.model_validate(SUN.model_dump() | changes)
        cells.append((name, render(stage(bodies, CELL, lighting, camera=LEVEL))))
    return cells


def sensor() -> list[Cell]:
    """Exposure, grain, shutter and lens on one scene."""
    look = Appearance.model_validate(
        RED.model_dump() | {"pattern": "checker", "pattern_scale": 0.25, "second_albedo": (0.8, 0.6, 0.5)}
    )
    near, middle, far = (
        body("near", Sphere(radius=0.3), (-0.75, -1.1, 0.3), look),
        body("middle", Box(half_extents=(0.32, 0.32, 0.32)), (0.1, 0.3, 0.32), look, turn=0.5),
        body("far", Cylinder(radius=0.4, half_height=0.55), (1.6, 3.4, 0.55), look),
    )
    bodies = (floor(OAK), near, middle, far)
    sensors = {
        "as it is": Sensor(),
        "exposure +1 stop": Sensor(exposure=1.0),
        "grain of 6 grey levels": Sensor(grain=6.0),
        "shutter 0.5, near ball at 6 m/s": Sensor(shutter=0.5),
        "aperture 0.15 m, focus on the box": Sensor(aperture=0.15, focus_distance=4.7),
        "aperture 0.15 m, focus on the ball": Sensor(aperture=0.15, focus_distance=3.4),
    }
    moving: dict[str, Vector3] = {"near": (6.0, 0.0, 0.0)}
    return [(name, render(stage(bodies, CELL, SUN, lens), moving)) for name, lens in sensors.items()]


def drawn_by_lot(looks: str) -> list[Cell]:
    """Ten draws of one set, always of the same bodies."""
    cells = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        settings = SceneSettings(appearance=looks, width=136, height=136)  # type: ignore[arg-type]
        first, second, third, fourth = sample_appearances(rng, settings, 4)
        ground, screen = sample_floor(rng, settings), sample_prop(rng, settings)
        bodies = (
            floor(ground),
            body("ball", Sphere(radius=0.4), (-0.95, -0.3, 0.4), first),
            body("box", Box(half_extents=(0.3, 0.3, 0.3)), (0.1, -0.5, 0.3), second, turn=0.6),
            body("can", Cylinder(radius=0.27, half_height=0.42), (1.0, -0.1, 0.42), third),
            body("high", Sphere(radius=0.27), (0.45, 0.2, 1.45), fourth),
            body("screen", Box(half_extents=(0.45, 0.05, 0.55)), (-0.5, 1.1, 0.55), screen),
        )
        lighting, lens = sample_lighting(rng, settings), sample_sensor(rng, settings)
        cells.append(("", render(stage(bodies, (136, 136), lighting, lens, WIDE))))
    return cells


def side_by_side(report: Callable[[str], object]) -> list[Cell]:
    """One scene by this renderer, plain and with looks, by MuJoCo's GL renderer and by PyBullet's TinyRenderer."""
    size = (360, 250)
    spec = stage(_still_life(rich=False), size)
    cells = [
        ("this renderer, plain looks", render(spec)),
        ("this renderer, textures and materials", render(stage(_still_life(rich=True), size))),
    ]
    for name, draw in (("MuJoCo's GL renderer", peers.mujoco_gl), ("PyBullet's TinyRenderer", peers.tiny_renderer)):
        try:
            cells.append((name, draw(spec)))
        except peers.PeerMissingError as error:
            report(f"{name} is left out: {error}")
    return cells


def _still_life(rich: bool) -> tuple[Body, ...]:
    """Return seven bodies that touch, lean over each other's shadows, and float."""
    plain: dict[str, Vector3] = {
        "red": (0.75, 0.03, 0.03),
        "blue": (0.03, 0.12, 0.70),
        "green": (0.03, 0.42, 0.06),
        "yellow": (0.88, 0.66, 0.05),
        "orange": (0.85, 0.28, 0.03),
        "white": (0.80, 0.80, 0.80),
    }
    extra: dict[str, dict[str, object]] = {
        "green": {
            "pattern": "marble",
            "pattern_scale": 0.24,
            "albedo": (0.05, 0.36, 0.10),
            "second_albedo": (0.55, 0.70, 0.52),
        },
        "yellow": {"metallic": 0.85, "roughness": 0.08},
        "orange": {"pattern": "wood", "pattern_scale": 0.07, "second_albedo": (0.4, 0.1, 0.01), "roughness": 0.5},
        "white": {"pattern": "dots", "pattern_scale": 0.16, "second_albedo": (0.1, 0.1, 0.5)},
        "blue": {"specular": 0.4, "roughness": 0.15},
    }

    def look(color: str) -> Appearance:
        changes = extra.get(color, {}) if rich else {}
        return Appearance.model_validate({"color_name": color, "albedo": plain[color]} | changes)

    tiles = Appearance(
        color_name="checker",
        albedo=(0.48, 0.47, 0.45),
        second_albedo=(0.27, 0.27, 0.28),
        pattern="checker",
        pattern_scale=0.9,
        specular=0.0,
    )
    return (
        floor(OAK if rich else tiles),
        body("ball", Sphere(radius=0.4), (-1.05, -0.1, 0.4), look("red")),
        body("metal", Sphere(radius=0.3), (-0.3, -0.55, 0.3), look("yellow")),
        body("crate", Box(half_extents=(0.36, 0.36, 0.36)), (0.25, 0.5, 0.36), look("orange"), turn=0.5),
        body("block", Box(half_extents=(0.2, 0.2, 0.2)), (0.22, 0.45, 0.92), look("blue"), turn=-0.2),
        body("can", Cylinder(radius=0.27, half_height=0.4), (1.05, -0.1, 0.4), look("green")),
        body("float", Sphere(radius=0.2), (0.95, -0.1, 1.25), look("white")),
    )
