"""Scenes as text that a person edits: read, changed by dragging, drawn through the scene's own camera."""

import base64
import io
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from physics_data.core.clip import Rendering
from physics_data.core.conventions import srgb_encode
from physics_data.core.errors import ConfigError, DataError, WorldsimError
from physics_data.core.geometry import bounding_radius, view_of
from physics_data.core.scene import Camera, SceneSpec
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.renderers import RENDERERS
from physics_data.scenes.placement import RELATIONS
from physics_data.scenes.scene_file import LoadedScene, load_scene
from physics_data.scenes.source_lines import read_source
from physics_data.scenes.words.direct import scene_text
from worldsim.studio.workspace import Workspace

PICTURE_SIDE = 384
"""Larger side of a picture for the page, pixels."""


def read_scene(text: str, workspace: Workspace, *, seed: int = 0) -> LoadedScene:
    """Return the scene of a scene file's text.

    Raises:
        ConfigError: it does not fit, with the line.
        DataError: it uses a picture from outside of the chosen folders.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            loaded = load_scene(path, seed=seed)
        except WorldsimError as error:
            raise ConfigError(str(error).replace(str(path), "scene")) from None
    for file in _files(loaded.spec.model_dump()):
        workspace.place(Path(file))
    return loaded


def describe(loaded: LoadedScene) -> dict[str, Any]:
    """Return what the page shows of a scene."""
    spec = loaded.spec
    bodies = [
        {
            "name": body.name,
            "noun": body.noun,
            "color": body.appearance.color_name,
            "css": "#" + "".join(f"{round(255 * float(c)):02x}" for c in srgb_encode(np.array(body.appearance.albedo))),
            "shape": body.shape.kind,
            "position": list(body.position),
            "velocity": list(body.linear_velocity),
            "mass": body.mass if body.is_dynamic else None,
            "kind": "static" if body.is_static else "scripted" if body.is_scripted else "dynamic",
            "radius": bounding_radius(body.shape),
        }
        for body in spec.instances
    ]
    camera = {"position": list(spec.camera.position), "target": list(spec.camera.target), "fov": spec.camera.fov_y}
    return {
        "bodies": bodies,
        "camera": camera,
        "moving_camera": spec.camera.is_moving,
        "actions": [action.model_dump(mode="json") for action in spec.actions],
        "num_frames": spec.num_frames,
        "frame_rate": spec.frame_rate,
        "size": [spec.width, spec.height],
        "gravity": list(spec.gravity),
        "notes": list(loaded.notes),
        "caption": loaded.caption,
    }


def edit_scene(text: str, workspace: Workspace, change: dict[str, Any]) -> str:
    """Return the text after one change.

    Args:
        text: scene file
        workspace: as ``read_scene``
        change: one of {"body", "position"}, {"body", "velocity"}, {"body", "drag": [x, y]} (shares of the picture; the
            body stays at its height, or with "upright" moves up and down), {"orbit": [radians round, radians up]},
            {"zoom": factor}, {"push": {"body", "frame", "impulse"}}, {"without_action": number}

    Raises:
        ConfigError: the result does not fit, or the text holds a whole scene with nothing to place.
    """
    loaded = read_scene(text, workspace)
    document = _document(text)
    if "body" in change:
        if not document.get("camera"):  # else it would follow the body that is dragged
            document["camera"] = _camera_entry(loaded.spec.camera)
        _move(document, loaded.spec, change)
    if "orbit" in change or "zoom" in change:
        turn = change.get("orbit", (0.0, 0.0))
        camera = orbited(loaded.spec.camera, float(turn[0]), float(turn[1]), float(change.get("zoom", 1.0)))
        document["camera"] = _camera_entry(camera)
    if "push" in change:
        push = change["push"]
        action = {
            "kind": "impulse",
            "frame": int(push["frame"]),
            "body": push["body"],
            "impulse": _list(push["impulse"]),
        }
        document["actions"] = [*document.get("actions", []), action]
    if "without_action" in change:
        kept = [a for k, a in enumerate(document.get("actions", [])) if k != int(change["without_action"])]
        document["actions"] = kept
        if not kept:
            del document["actions"]
    remarks = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    new = remarks + scene_text(document)
    read_scene(new, workspace)
    return new


def orbited(camera: Camera, around: float, up: float, zoom: float) -> Camera:
    """Return a still camera after a turn about its target (rad) and a change of distance."""
    away = np.subtract(camera.position, camera.target)
    distance = float(np.linalg.norm(away))
    azimuth = math.atan2(float(away[1]), float(away[0])) + around
    elevation = min(max(math.asin(float(away[2]) / distance) + up, math.radians(2)), math.radians(85))
    reach = min(max(distance / max(zoom, 1e-3), 0.2), 200.0)
    flat = reach * math.cos(elevation)
    place = np.add(camera.target, (flat * math.cos(azimuth), flat * math.sin(azimuth), reach * math.sin(elevation)))
    x, y, z = (float(value) for value in place)
    return Camera(position=(x, y, max(z, 0.02)), target=camera.target, fov_y=camera.fov_y)


def start_of(spec: SceneSpec) -> Trajectory:
    """Return the first frame of a scene, which no engine has moved yet."""
    inserted = {action.body for action in spec.actions if action.kind == "insert"}
    present = np.array([[body.name not in inserted for body in spec.bodies]])
    position, orientation = (
        np.array([body.position for body in spec.bodies]),
        np.array([b.orientation for b in spec.bodies]),
    )
    still = np.zeros((1, len(spec.bodies), 3))
    return Trajectory(position[None], orientation[None], still, still, Contacts.none(), present)


def draw_frame(spec: SceneSpec, trajectory: Trajectory, size: tuple[int, int]) -> Rendering:
    """Draw one frame (of a trajectory of one) with instance ids, at a width and height; no lens or sensor effects."""
    plain = {"num_frames": 1, "actions": (), "width": size[0], "height": size[1], "sensor": type(spec.sensor)()}
    return RENDERERS.get("raycast")().render(spec.model_copy(update=plain), trajectory, ())


def picture_of(spec: SceneSpec) -> dict[str, Any]:
    """Return the first frame as PNG (base64), and where each body's centre is in it (shares of width and height)."""
    scale = PICTURE_SIDE / max(spec.width, spec.height)
    size = (max(8, round(spec.width * scale)), max(8, round(spec.height * scale)))
    rgb = draw_frame(spec, start_of(spec), size).rgb[0]
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", compress_level=1)
    view = view_of(spec.camera, *size)
    handles = []
    for body in spec.instances:
        x, y, depth = (float(value) for value in view.project(np.array(body.position)))
        handles.append({"name": body.name, "x": x / size[0], "y": y / size[1], "is_seen": depth > 0})
    return {"png": base64.b64encode(buffer.getvalue()).decode(), "size": size, "handles": handles}


def _move(document: dict[str, Any], spec: SceneSpec, change: dict[str, Any]) -> None:
    name = str(change["body"])
    entries = document.get("bodies")
    if not isinstance(entries, dict) or name not in entries:
        raise ConfigError(f"the scene has no body '{name}' that can be placed.")
    entry, body = entries[name], spec.bodies[spec.body_index(name)]
    if "velocity" in change:
        entry["velocity"] = _list(change["velocity"])
        return
    if "drag" in change:
        pixel = np.array([float(change["drag"][0]) * spec.width, float(change["drag"][1]) * spec.height])
        view, here = view_of(spec.camera, spec.width, spec.height), np.array(body.position)
        forward = view.world_from_camera[:, 2] * (1.0, 1.0, 0.0)
        normal = forward / np.linalg.norm(forward) if change.get("upright") else np.array([0.0, 0.0, 1.0])
        found = view.unproject_to_plane(pixel, here, normal)
        ahead = (found - view.origin) @ view.world_from_camera[:, 2]
        if not np.isfinite(found).all() or ahead <= 0 or np.linalg.norm(found - here) > 50:
            raise ConfigError(f"'{name}' cannot be dragged there: that place is beyond the horizon.")
        place = [here[0], here[1], max(found[2], 0.0)] if change.get("upright") else [found[0], found[1], here[2]]
    else:
        place = change["position"]
    shift = np.subtract(place, body.position)
    for relation in (*RELATIONS, "distance", "offset"):
        entry.pop(relation, None)
    if body.is_scripted:
        for key in entry["path"]:
            key["position"] = _list(np.add(key["position"], shift))
        entry.pop("position", None)
    else:
        entry["position"] = _list(place)


def _camera_entry(camera: Camera) -> dict[str, Any]:
    return {"position": _list(camera.position), "target": _list(camera.target), "fov": camera.fov_y}


def _document(text: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.yaml"
        path.write_text(text, encoding="utf-8")
        document = read_source(path).data
    if "format" in document:
        raise ConfigError(
            "this text is a whole scene (format: ...); drag bodies in a short scene file, or edit the text."
        )
    return document


def _list(values: Any) -> list[float]:
    found = [round(float(value), 4) for value in values]
    if len(found) != 3 or not all(math.isfinite(value) for value in found):
        raise DataError("three finite numbers are needed.")
    return found


def _files(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("file"), str):
            yield value["file"]
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _files(one)
