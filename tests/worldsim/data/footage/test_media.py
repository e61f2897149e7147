"""What is found in a folder, and how single pictures are decoded."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

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
    assert [(frame.seconds, frame.end) for frame in frames] == [(n / 4, (n + 1) / 4) for n in range(8)]
    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == list(range(9, 17))


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


def photo(rng: np.random.Generator) -> np.ndarray:
    return np.kron(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8))


@pytest.mark.parametrize("name", ["IMG_{:04d}.jpg", "DSC{:05d}.JPG", "holiday ({}).png", "P10100{:02d}.webp"])
def test_numbered_photos_are_stills(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    for number in range(1, 13):
        save(tmp_path / name.format(number), photo(rng))
    assert {medium.kind for medium in find_media([tmp_path])} == {"still"}
    assert [medium.kind for medium in find_media([tmp_path], "sequence")] == (
        ["still"] * 12 if ")" in name else ["sequence"]
    )


@pytest.mark.parametrize("name", ["IMG_{:04d}.jpg", "{}.png", "render.{:04d}.png"])
def test_numbered_frames_are_a_video_whatever_they_are_called(tmp_path: Path, name: str) -> None:
    wide = np.concatenate([photo(np.random.default_rng(n)) for n in range(3)], axis=1)
    for number in range(1, 25):
        save(tmp_path / name.format(number), wide[:, 6 * number : 6 * number + 128])
    assert [medium.kind for medium in find_media([tmp_path])] == ["sequence"]
    assert {medium.kind for medium in find_media([tmp_path], "stills")} == {"still"}


def test_photos_of_other_shapes_are_stills(tmp_path: Path) -> None:
    for number in range(12):
        save(tmp_path / f"x_{number}.png", grey(90, *((8, 12) if number % 3 else (12, 8))))
    assert {medium.kind for medium in find_media([tmp_path])} == {"still"}


def test_missing_numbers_of_a_sequence_keep_their_time(tmp_path: Path) -> None:
    for number in (*range(1, 11), *range(21, 31)):
        save(tmp_path / f"frame_{number:03d}.png", grey(number))
    frames = list(find_media([tmp_path])[0].frames(24.0))
    assert frames[10].seconds == pytest.approx(20 / 24) and frames[9].end == pytest.approx(10 / 24)


def test_a_damaged_picture_of_a_sequence_is_a_gap_with_a_name(tmp_path: Path) -> None:
    for number in range(10):
        save(tmp_path / f"frame_{number}.png", grey(number))
    (tmp_path / "frame_4.png").write_bytes(b"nothing")
    notes: list[str] = []
    frames = list(find_media([tmp_path])[0].frames(10.0, notes=notes))
    assert [round(10 * frame.seconds) for frame in frames] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert len(notes) == 1 and "frame_4.png" in notes[0]


@pytest.mark.parametrize("suffix", [".webp", ".png", ".avif"])
def test_animated_pictures_are_videos(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(grey(40 * n, 16, 24)) for n in range(1, 6)]
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], duration=[100, 100, 300, 100, 100])
    frames[0].save(tmp_path / f"b{suffix}")
    kinds = {medium.name: medium for medium in find_media([tmp_path])}
    assert {name: medium.kind for name, medium in kinds.items()} == {f"a{suffix}": "video", f"b{suffix}": "still"}
    read = list(kinds[f"a{suffix}"].frames(24.0))
    np.testing.assert_allclose([frame.seconds for frame in read], [0, 0.1, 0.2, 0.5, 0.6], atol=1e-3)
    np.testing.assert_allclose([frame.rgb.mean() for frame in read], [40, 80, 120, 160, 200], atol=3)


def test_pages_and_huge_pictures_are_refused_by_name(tmp_path: Path) -> None:
    page = Image.fromarray(grey(9))
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
    with pytest.raises(VideoError, match=r"a\.tif has 2 pages"):
        read_picture(tmp_path / "a.tif")
    with pytest.raises(VideoError, match="at most 0 million"):
        read_picture(tmp_path / "a.tif", max_pixels=50)


def test_names_that_are_no_utf8_are_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    save(path, grey(7))
    (medium,) = find_media([tmp_path])
    assert medium.name == "caf�.png" and next(medium.frames(1.0)).rgb[0, 0, 0] == 7


def test_colours_are_converted_by_the_profile_of_the_picture(tmp_path: Path) -> None:
    """An RGB profile with red and green exchanged, as wide as sRGB: what is stored as green is seen as red."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    picture = np.full((8, 12, 3), (30, 220, 30), np.uint8)
    for suffix in (".png", ".jpg", ".webp"):
        options = {"lossless": True} if suffix == ".webp" else {"quality": 98} if suffix == ".jpg" else {}
        save(tmp_path / f"a{suffix}", picture, icc_profile=bytes(profile), **options)
        np.testing.assert_allclose(read_picture(tmp_path / f"a{suffix}")[4, 4], (220, 30, 30), atol=4)
    save(tmp_path / "b.png", picture, icc_profile=b"nothing")
    np.testing.assert_array_equal(read_picture(tmp_path / "b.png"), picture)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_samples_of_unknown_white_are_refused(tmp_path: Path, kind: type) -> None:
    Image.fromarray(np.full((8, 12), 100_000, kind)).save(tmp_path / "a.tif")
    with pytest.raises(VideoError, match="more than 16 bits a sample"):
        read_picture(tmp_path / "a.tif")
