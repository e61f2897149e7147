"""Picture files on surfaces and behind the scene."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from random_scenes import FLOOR, at_rest, make_scene, solid

from physics_data.core.errors import DataError
from physics_data.core.geometry import view_of
from physics_data.core.scene import Appearance, Camera, CameraKey, ImageTexture, Lighting, SceneSpec, Sphere
from physics_data.renderers.raycast import RaycastRenderer
from physics_data.renderers.textures import image_texture, load_picture, srgb_decoded, srgb_encoded

ABOVE = Camera(position=(0, -2.5, 4), target=(0, 0, 0), fov_y=40)
LEVEL = Camera(position=(0, -5, 1), target=(0, 0, 1), fov_y=40)
AMBIENT = Lighting(sun_intensity=0, ambient_intensity=1, sky_zenith=(1, 1, 1), sky_horizon=(1, 1, 1))


def save(folder: Path, name: str, pixels: np.ndarray) -> ImageTexture:
    Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
    return image_texture(folder / name)


def quarters(size: int) -> np.ndarray:
    """Red, green over blue, yellow."""
    picture = np.zeros((size, size, 3))
    half = size // 2
    picture[:half, :half, 0] = 200
    picture[:half, half:, 1] = 200
    picture[half:, :half, 2] = 200
    picture[half:, half:, :2] = 200
    return picture


def pictured(texture: ImageTexture, scale: float = 2.0) -> Appearance:
    return Appearance(
        color_name="picture", albedo=(1, 1, 1), pattern="image", image=texture, pattern_scale=scale, specular=0
    )


def draw(spec: SceneSpec) -> np.ndarray:
    return RaycastRenderer().render(spec, at_rest(spec)).rgb.astype(int)


def test_a_picture_lies_on_the_floor_to_scale_with_its_upper_edge_away(tmp_path) -> None:
    floor = FLOOR.model_copy(update={"appearance": pictured(save(tmp_path, "quarters.png", quarters(64)))})
    spec = make_scene(floor, camera=ABOVE, width=128, height=128).model_copy(update={"lighting": AMBIENT})
    rgb = draw(spec)[0]
    view = view_of(ABOVE, 128, 128)
    places = {(-0.5, 0.5): (1, 0, 0), (0.5, 0.5): (0, 1, 0), (-0.5, -0.5): (0, 0, 1), (0.5, -0.5): (1, 1, 0)}
    mirrored = {(1.2, 0.5): (0, 1, 0), (1.2, -0.5): (1, 1, 0), (-0.5, -1.2): (0, 0, 1)}
    for (x, y), color in (places | mirrored).items():
        column, row, _ = view.project(np.array([x, y, 0.0]))
        seen = rgb[int(row), int(column)]
        assert ((seen > 100) == np.array(color, dtype=bool)).all(), f"({x}, {y}) m shows {seen}"


def test_a_picture_far_away_is_its_mean_and_does_not_shimmer(tmp_path) -> None:
    fine = np.indices((256, 256)).sum(axis=0)[..., None] % 2 * np.full(3, 255)
    floor = FLOOR.model_copy(update={"appearance": pictured(save(tmp_path, "fine.png", fine), scale=1.0)})
    frames = []
    for shift in (0.0, 0.0013):
        camera = Camera(position=(shift, -5, 1), target=(shift, 0, 1), fov_y=40)
        frames.append(draw(make_scene(floor, camera=camera, width=96, height=96))[0])
    below = slice(52, 96)
    assert np.abs(frames[0][below] - frames[1][below]).max() <= 3
    assert np.ptp(frames[0][60, :, 0]) <= 6


def test_a_picture_wraps_around_a_ball_without_seams(tmp_path) -> None:
    ramp = np.broadcast_to(np.linspace(40, 220, 128)[None, :, None], (128, 128, 3))
    texture = save(tmp_path, "ramp.png", ramp)
    ball = solid("ball", Sphere(radius=0.8), (0, 0, 1)).model_copy(update={"appearance": pictured(texture, 4.0)})
    spec = make_scene(ball, camera=LEVEL, width=128, height=128).model_copy(update={"lighting": AMBIENT})
    rendering = RaycastRenderer().render(spec, at_rest(spec))
    step = np.abs(np.diff(rendering.rgb[0, ..., 0].astype(int), axis=1))
    assert np.ptp(rendering.rgb[0, 48:80, 40:88, 0]) > 30
    assert step[56:72, 48:80].max() < 12


def test_an_environment_surrounds_the_scene(tmp_path) -> None:
    """Ahead (+y) is its middle, +x a quarter to the right, the horizon at half height."""
    panorama = np.zeros((64, 128, 3))
    panorama[:32, :, 2] = 200
    panorama[:, 60:68, 0] = 200
    panorama[:, 92:100, 1] = 200
    lighting = Lighting(environment=save(tmp_path, "panorama.png", panorama))
    ball = solid("ball", Sphere(radius=0.1), (0, 0, -9))
    for target, channel in (((0, 5, 1), 0), ((5, 0, 1), 1)):
        camera = Camera(position=(0, 0, 1), target=target, fov_y=60)
        spec = make_scene(ball, camera=camera, width=65, height=65).model_copy(update={"lighting": lighting})
        rgb = draw(spec)[0]
        assert rgb[32, 32, channel] > 150 and rgb[32, 4, channel] < 50
        assert rgb[8, 4, 2] > 150 and rgb[56, 4, 2] < 50


def test_a_backdrop_stays_while_the_camera_turns_and_lies_behind_the_floor(tmp_path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, size=(40, 48, 3))
    lighting = Lighting(backdrop=save(tmp_path, "backdrop.png", picture))
    keys = tuple(CameraKey(seconds=s, position=(0, -5, 1), target=(s, 0, 1.3)) for s in (0.0, 1.0))
    camera = Camera(position=(0, -5, 1), target=(0, 0, 1.3), fov_y=40, path=keys)
    spec = make_scene(FLOOR, camera=camera, frames=2).model_copy(update={"lighting": lighting, "frame_rate": 1.0})
    spec = spec.model_copy(update={"physics_rate": 960.0})
    rgb = draw(spec)
    expected = srgb_encoded(np.minimum(srgb_decoded()[picture], 0.75)).astype(int)
    upper = slice(2, 10)
    np.testing.assert_array_equal(rgb[0, upper], rgb[1, upper])
    dark = (expected[upper] < 200).all(axis=-1)
    np.testing.assert_allclose(rgb[0, upper][dark], expected[upper][dark], atol=1)


def test_levels_keep_the_mean_for_any_size(tmp_path) -> None:
    rng = np.random.default_rng(1)
    for height, width in ((64, 64), (37, 51), (1, 9), (100, 3)):
        picture = load_picture(save(tmp_path, f"{height}x{width}.png", rng.integers(0, 255, (height, width, 3))))
        assert picture.levels[0].shape == (height, width, 3)
        assert picture.levels[-1].shape == (1, 1, 3)
        finest = srgb_decoded()[picture.levels[0]].mean(axis=(0, 1))
        for level in picture.levels[1:]:
            np.testing.assert_allclose(srgb_decoded()[level].mean(axis=(0, 1)), finest, atol=0.02)


def test_every_byte_survives_decoding_and_encoding() -> None:
    np.testing.assert_array_equal(srgb_encoded(srgb_decoded().astype(np.float64)), np.arange(256))


def test_another_file_under_the_same_name_is_refused(tmp_path) -> None:
    texture = save(tmp_path, "a.png", quarters(8))
    assert texture.sha256 == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    floor = FLOOR.model_copy(update={"appearance": pictured(texture)})
    with pytest.raises(DataError, match=r"a\.png has sha256 .*the scene was made with"):
        draw(make_scene(floor, camera=ABOVE))


def test_a_missing_file_and_one_that_is_no_picture_are_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        image_texture(tmp_path / "nothing.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match="holds no picture"):
        image_texture(tmp_path / "text.png")
    missing = ImageTexture(file=str(tmp_path / "gone.png"), sha256="0" * 64)
    with pytest.raises(DataError, match=r"gone\.png cannot be read"):
        draw(make_scene(FLOOR.model_copy(update={"appearance": pictured(missing)}), camera=ABOVE))
