"""The scenes of the looks page: a floor with a few bodies at rest."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
    Camera,
    Capsule,
    Compound,
    Cylinder,
    Ellipsoid,
    ImageTexture,
    Lighting,
    Mesh,
    Part,
    Plane,
    SceneSpec,
    Sensor,
    Shape,
    Sphere,
    Vector3,
)
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.renderers.textures import image_texture, srgb_encoded

OAK = Appearance(
    color_name="oak",
    albedo=(0.48, 0.34, 0.21),
    second_albedo=(0.25, 0.145, 0.075),
    pattern="wood",
    pattern_scale=0.07,
    specular=0.1,
    roughness=0.6,
)
STONE = Appearance(
    color_name="stone",
    albedo=(0.46, 0.45, 0.43),
    second_albedo=(0.30, 0.295, 0.285),
    pattern="noise",
    pattern_scale=0.22,
    specular=0.0,
    roughness=0.8,
)
CAMERA = Camera(position=(0.3, -4.4, 1.9), target=(0.0, 0.0, 0.42), fov_y=27.0)
LEVEL = Camera(position=(0.3, -4.4, 1.1), target=(0.0, 0.0, 0.66), fov_y=29.0)
WIDE = Camera(position=(0.15, -4.9, 1.7), target=(0.05, 0.0, 0.72), fov_y=33.0)
SUN = Lighting(sun_direction=(0.75, -0.55, 1.0), sun_intensity=0.95, ambient_intensity=0.32)


def body(name: str, shape: Shape, position: Vector3, look: Appearance, turn: float = 0.0) -> Body:
    """Return a body turned about the vertical axis, rad."""
    orientation = (math.cos(turn / 2), 0.0, 0.0, math.sin(turn / 2))
    return Body(name=name, shape=shape, position=position, orientation=orientation, appearance=look)


def floor(look: Appearance) -> Body:
    """Return the floor."""
    return Body(name="floor", noun="floor", shape=Plane(), role="ground", is_static=True, appearance=look)


def stage(
    bodies: tuple[Body, ...],
    size: tuple[int, int],
    lighting: Lighting = SUN,
    sensor: Sensor | None = None,
    camera: Camera = CAMERA,
) -> SceneSpec:
    """Return a scene of one frame; size is (width, height) in pixels."""
    return SceneSpec(
        scenario="looks",
        root_seed=0,
        index=0,
        num_frames=1,
        width=size[0],
        height=size[1],
        bodies=bodies,
        camera=camera,
        lighting=lighting,
        sensor=sensor or Sensor(),
    )


def trio(look: Appearance) -> tuple[Body, ...]:
    """Return a ball, a box and a can of one look."""
    return (
        body("ball", Sphere(radius=0.42), (-1.0, -0.1, 0.42), look),
        body("box", Box(half_extents=(0.34, 0.34, 0.34)), (0.08, 0.15, 0.34), look, turn=0.6),
        body("can", Cylinder(radius=0.3, half_height=0.42), (1.05, -0.05, 0.42), look),
    )


def new_trio(look: Appearance) -> tuple[Body, ...]:
    """Return a capsule, an ellipsoid and a mesh (an octahedron) of one look."""
    corners: tuple[Vector3, ...] = ((0.5, 0, 0), (-0.5, 0, 0), (0, 0.5, 0), (0, -0.5, 0), (0, 0, 0.55), (0, 0, -0.55))
    upper, lower = ((0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4)), ((2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5))
    return (
        body("capsule", Capsule(radius=0.24, half_height=0.24), (-1.0, -0.1, 0.48), look),
        body("ellipsoid", Ellipsoid(half_axes=(0.46, 0.34, 0.28)), (0.05, 0.1, 0.28), look, turn=0.5),
        body("mesh", Mesh(vertices=corners, triangles=upper + lower), (1.05, 0.0, 0.55), look, turn=0.3),
    )


def tray(look: Appearance) -> Body:
    """Return an open box of five plates, one body."""
    plates = (
        Part(shape=Box(half_extents=(0.7, 0.42, 0.02)), position=(0, 0, 0.02)),
        Part(shape=Box(half_extents=(0.7, 0.02, 0.28)), position=(0, -0.4, 0.32)),
        Part(shape=Box(half_extents=(0.7, 0.02, 0.28)), position=(0, 0.4, 0.32)),
        Part(shape=Box(half_extents=(0.02, 0.38, 0.28)), position=(-0.68, 0, 0.32)),
        Part(shape=Box(half_extents=(0.02, 0.38, 0.28)), position=(0.68, 0, 0.32)),
    )
    return body("tray", Compound(parts=plates), (0.1, 0.0, 0.0), look, turn=0.35)


def standing(spec: SceneSpec, velocity: dict[str, Vector3] | None = None) -> Trajectory:
    """Return a trajectory in which bodies stay where the scene puts them; some may have a velocity, m/s."""
    position = np.array([[one.position for one in spec.bodies]] * spec.num_frames, dtype=np.float64)
    orientation = np.array([[one.orientation for one in spec.bodies]] * spec.num_frames, dtype=np.float64)
    speed = np.zeros_like(position)
    for name, value in (velocity or {}).items():
        speed[:, spec.body_index(name)] = value
    return Trajectory(position, orientation, speed, np.zeros_like(speed), Contacts.none())


def painted_pictures(folder: Path) -> dict[str, ImageTexture]:
    """Paint a mosaic, a panorama and a view of hills into a folder, so that the page needs no photographs."""
    pictures = {
        "mosaic": _mosaic(),
        "panorama": _landscape(1024, 2048, 0.45, 5),
        "hills": _landscape(240, 320, 0.24, 1),
    }
    for name, linear in pictures.items():
        Image.fromarray(np.asarray(srgb_encoded(linear))).save(folder / f"{name}.png")
    return {name: image_texture(folder / f"{name}.png") for name in pictures}


def _mosaic() -> Float[np.ndarray, "256 256 3"]:
    rng = np.random.default_rng(1)
    colors = np.array([(0.55, 0.16, 0.08), (0.62, 0.42, 0.16), (0.10, 0.24, 0.34), (0.60, 0.56, 0.48)])
    tiles = colors[rng.integers(4, size=(8, 8))] * rng.uniform(0.8, 1.1, size=(8, 8, 1))
    picture = tiles.repeat(32, axis=0).repeat(32, axis=1)
    picture[np.arange(256) % 32 < 2] = picture[:, np.arange(256) % 32 < 2] = 0.25
    return picture * rng.uniform(0.93, 1.0, size=(256, 256, 1))


def _landscape(height: int, width: int, horizon: float, waves: int) -> Float[np.ndarray, "h w 3"]:
    """Sky with clouds over three rows of hills that begin at a share of the height; it closes on itself sideways."""
    x = waves * np.arange(width) / width * 2 * np.pi
    y = (np.arange(height) + 0.5) / height
    clouds = sum(
        np.sin(k * x[None] + 9 * k * y[:, None] ** 0.5 + k * k) * np.sin(14 * k * y[:, None] + 2 * k) / k
        for k in range(1, 7)
    )
    sky = np.array([0.16, 0.36, 0.72]) + (y[:, None, None] * 1.7) * np.array([0.42, 0.34, 0.14])
    picture = sky + 0.25 * np.clip(clouds, 0, 1)[..., None] * (1 - sky)
    rows = ((0.0, 0.05, (0.38, 0.47, 0.55)), (0.02, 0.03, (0.20, 0.31, 0.27)), (0.04, 0.02, (0.10, 0.19, 0.08)))
    for place, (lower, swing, color) in enumerate(rows):
        phase, level = 2.1 * place, horizon + lower
        ridge = (
            level
            + swing
            / waves**0.7
            * (np.sin((3 + place) * x + phase) + 0.5 * np.sin((11 + 2 * place) * x + 3 * phase))
            / 1.5
        )
        below = np.clip((y[:, None] - ridge) * height, 0, 1)[..., None]
        shade = 0.85 + 0.15 * np.sin(29 * x + phase)[None, :, None] * np.exp(-8 * np.abs(y[:, None, None] - level))
        picture = picture * (1 - below) + below * np.array(color) * shade
    return np.clip(picture, 0.0, 1.0)


def sheet(
    cells: list[tuple[str, UInt8[np.ndarray, "h w 3"]]], columns: int, *, bar: int = 16, gap: int = 3
) -> Image.Image:
    """Lay out pictures of one size in rows, each with its caption above it."""
    from PIL import ImageDraw, ImageFont

    height, width = cells[0][1].shape[:2]
    rows = -(-len(cells) // columns)
    bar = bar if any(caption for caption, _ in cells) else 0
    page = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + bar + gap) - gap), (255, 255, 255))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=11)
    for number, (caption, rgb) in enumerate(cells):
        left, top = number % columns * (width + gap), number // columns * (height + bar + gap)
        draw.text((left + 2, top + 1), caption, fill=(40, 40, 40), font=font)
        page.paste(Image.fromarray(rgb), (left, top + bar))
    return page


def main(scene_file: str, picture_file: str) -> None:
    """Draw the camera "view" of a JSON file with the keys xml, width, height."""
    gl: Any = mujoco
    scene = json.loads(Path(scene_file).read_text())
    model = gl.MjModel.from_xml_string(scene["xml"])
    data = gl.MjData(model)
    gl.mj_forward(model, data)
    with gl.Renderer(model, scene["height"], scene["width"]) as renderer:
        renderer.update_scene(data, camera="view")
        Image.fromarray(renderer.render()).save(picture_file)


if __name__ == "__main__":
    main(*sys.argv[1:])
