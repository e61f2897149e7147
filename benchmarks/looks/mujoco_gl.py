"""``python -m benchmarks.looks.mujoco_gl scene.json picture.png``: one picture by MuJoCo's OpenGL renderer."""

import json
import sys
from pathlib import Path
from typing import Any

import mujoco
from PIL import Image


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
