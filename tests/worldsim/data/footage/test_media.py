"""What is found in a folder, and how single pictures are decoded."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from physics_data.core.errors import DataError, VideoError
from physics_data.core.video import write_video
from worldsim.data.footage.media import find_media, read_picture


def save(path: Path, rgb: np.ndarray, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path, **options)


def grey(level: int, height: int = 8, width: int = 12) -> np.ndarray:
    return np.full((height, width, 3), level, dtype=np.uint8)


def test_numbered_pictures_are_a_sequence_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (9, 10, 11, 12, 13, 14, 15, 16):
        save(tmp_path / "deep" / f"shot_{number}.png", grey(number))
    save(tmp_path / "photo.jpg", grey(200))
    save(tmp_path / "img_1.png", grey(1))
    write_video(tmp_path / "film.mp4", np.stack([grey(5)] * 3), 8.0)
    media = {medium.name: medium for medium in find_media([tmp_path])}
    assert {name: medium.kind for name, medium in media.items()} == {
        "deep/shot_#.png": "sequence",
        "photo.jpg": "still",
        "img_1.png": "still",
        "film.mp4": "video",
    }
    frames = list(media["deep/shot_#.png"].frames(sequence_rate=4.0))
    assert [seconds for seconds, _ in frames] == [n / 4 for n in range(8)]
    assert [int(rgb[0, 0, 0]) for _, rgb in frames] == list(range(9, 17))


def test_several_folders_are_told_apart_by_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / name / "x.png", grey(1))
    assert [medium.name for medium in find_media([tmp_path / "b", tmp_path / "a"])] == ["a/x.png", "b/x.png"]
    (tmp_path / "c" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="two of the folders have one name"):
        find_media([tmp_path / "a", tmp_path / "c" / "a"])
    with pytest.raises(DataError, match="is no folder"):
        find_media([tmp_path / "a" / "x.png"])


def test_a_picture_turned_by_its_exif_record_comes_out_upright(tmp_path: Path) -> None:
    picture = grey(0)
    picture[:, :4] = 255  # bright at the left; "rotate 90 clockwise to see it upright" brings it to the top
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.png", picture, exif=exif)
    upright = read_picture(tmp_path / "a.png")
    assert upright.shape == (12, 8, 3)
    assert upright[:4].min() == 255 and upright[4:].max() == 0


def test_transparent_deep_and_grey_pictures_become_rgb(tmp_path: Path) -> None:
    clear = np.dstack([grey(200), np.full((8, 12), 0, np.uint8)])
    clear[:4, :, 3] = 255
    save(tmp_path / "clear.png", clear)
    assert (read_picture(tmp_path / "clear.png")[[0, 7], 0, 0] == (200, 0)).all()
    save(tmp_path / "deep.png", np.full((8, 12), 0x8040, dtype=np.uint16))
    assert (read_picture(tmp_path / "deep.png") == 0x80).all()
    save(tmp_path / "grey.png", np.full((8, 12), 77, dtype=np.uint8))
    assert read_picture(tmp_path / "grey.png").shape == (8, 12, 3)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_damaged_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(VideoError, match=r"a\.png as a picture"):
        read_picture(tmp_path / "a.png")


def test_a_truncated_picture_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-4000])
    with pytest.raises(VideoError, match=r"a\.png as a picture"):
        read_picture(tmp_path / "a.png")
