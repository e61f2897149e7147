"""Files of every kind that cameras, editors and browsers write: what is seen, and when, is what a player shows."""

import io
import itertools
import struct
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from physics_data.core.errors import VideoError
from physics_data.core.video import TimedFrame, iterate_frames, read_video, sample_frames, write_video

H264 = {"crf": "8", "g": "60", "bf": "2"}


def ball(x: float, height: int = 48, width: int = 64, radius: int = 8) -> np.ndarray:
    frame = np.full((height, width, 3), (90, 110, 130), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    frame[(columns - x) ** 2 + (rows - height / 2) ** 2 < radius**2] = (220, 40, 40)
    return frame


def clip(count: int, step: float = 2) -> list[np.ndarray]:
    return [ball(10 + step * number) for number in range(count)]


def encode(
    path: Path,
    frames: list[np.ndarray],
    rate: Fraction | int = 30,
    *,
    codec: str = "libx264",
    pix: str = "yuv444p",
    options: dict | None = None,
    ms: list[int] | None = None,
    prepare=lambda stream: None,
    container_options: dict | None = None,
    field_order: str | None = None,
) -> Path:
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=H264 if options is None else options)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pix
        if ms:
            stream.codec_context.time_base = Fraction(1, 1000)
        prepare(stream)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24")
            if ms:
                frame.pts, frame.time_base = ms[number], Fraction(1, 1000)
            container.mux(stream.encode(interlaced(frame, field_order) if field_order else frame))
        container.mux(stream.encode())
    return path


def interlaced(frame: av.VideoFrame, order: str) -> av.VideoFrame:
    """Mark a frame as interlaced, top or bottom field first."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 25)
    )
    graph.link_nodes(source, graph.add("setfield", order), graph.add("buffersink")).configure()
    graph.push(frame)
    return graph.pull()


def remux(source: Path, target: Path, keep=lambda packet, seconds: True, shift: float = 0.0) -> None:
    """Copy packets; negative times become an edit list, as with ``ffmpeg -ss ... -c copy``."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        offset = round(shift / stream.time_base)
        for packet in old.demux(stream):
            if packet.dts is not None and keep(packet, float(packet.pts * stream.time_base)):
                packet.pts, packet.dts, packet.stream = packet.pts - offset, packet.dts - offset, copy
                new.mux(packet)


def ball_at(rgb: np.ndarray) -> float:
    return float(np.nonzero(rgb[..., 0].astype(int) - rgb[..., 2] > 60)[1].mean())


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_trim_by_edit_list_shows_what_it_keeps(tmp_path: Path, suffix: str) -> None:
    whole = encode(tmp_path / f"whole{suffix}", clip(90, 0.4))
    remux(whole, tmp_path / f"trim{suffix}", lambda packet, s: 60 / 30 <= s < 3 or s >= 2, shift=70 / 30)
    video = read_video(tmp_path / f"trim{suffix}")
    assert len(video.rgb) == 20
    assert ball_at(video.rgb[0]) == pytest.approx(10 + 0.4 * 70, abs=0.6)
    assert video.duration == pytest.approx(20 / 30, abs=1e-3)


def test_a_trimmed_file_that_is_cut_off_is_still_refused(tmp_path: Path) -> None:
    noise = list(np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8))
    encode(tmp_path / "a.mp4", noise, options={"crf": "20", "bf": "0"}, container_options={"movflags": "+faststart"})
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "b.mp4").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(VideoError, match=r"b\.mp4"):
        read_video(tmp_path / "b.mp4")


@pytest.mark.parametrize("rate", [16, 24, 30, 60, Fraction(30000, 1001), 12.5])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".avi", ".gif"])
def test_a_written_rate_is_read_back(tmp_path: Path, suffix: str, rate: float) -> None:
    write_video(tmp_path / f"a{suffix}", np.stack(clip(17)), float(rate))
    video = read_video(tmp_path / f"a{suffix}")
    assert len(video.rgb) == 17
    assert video.frame_rate == pytest.approx(float(rate), rel=0.013)  # of a GIF: times in 1/100 s
    np.testing.assert_allclose(video.seconds, np.arange(17) / float(rate), atol=0.0051)
    assert video.duration == pytest.approx(17 / float(rate), abs=0.0051)
    sampled = [number for number, _ in sample_frames(iterate_frames(tmp_path / f"a{suffix}"), float(rate))]
    assert sampled == list(range(17))


def test_a_gif_above_100_hz_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="at most 100 frames per second, given 120"):
        write_video(tmp_path / "a.gif", np.stack(clip(4)), 120.0)


def held(count: int) -> list[np.ndarray]:
    """A ball that rests from frame 4 to frame 9."""
    return clip(4) + [clip(4)[-1]] * 6 + clip(count)[4:][: count - 10]


def save_animation(path: Path, frames: list[np.ndarray], durations: list[int]) -> None:
    pictures = [Image.fromarray(frame) for frame in frames]
    options = {"lossless": True} if path.suffix == ".webp" else {"quality": 95} if path.suffix == ".avif" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".apng", ".avif", ".mp4", ".mkv", ".webm"])
def test_a_held_picture_is_shown_until_the_next_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    pictures = [picture for picture, _ in itertools.groupby(held(16), key=lambda frame: frame.tobytes())]
    frames = [np.frombuffer(picture, np.uint8).reshape(48, 64, 3) for picture in pictures]
    durations = [100] * 3 + [700] + [100] * (len(frames) - 4)
    if suffix in (".gif", ".webp", ".png", ".apng", ".avif"):
        save_animation(path, frames, durations)
    else:
        codec, options = ("libvpx-vp9", {"crf": "8", "b": "0"}) if suffix == ".webm" else ("libx264", None)
        starts = [0, *np.cumsum(durations[:-1]).tolist()]
        encode(path, frames, 10, codec=codec, options=options, ms=starts)
    seen = [ball_at(frame.rgb) for _, frame in sample_frames(iterate_frames(path), 10.0)]
    np.testing.assert_allclose(seen[:16], [ball_at(frame) for frame in held(16)], atol=0.5)
    assert len(seen) == 16


def test_a_picture_held_at_the_end_lasts_as_long_as_the_file_says(tmp_path: Path) -> None:
    write_video(tmp_path / "rest.gif", np.stack(clip(8) + [clip(8)[-1]] * 8), 16.0)
    assert read_video(tmp_path / "rest.gif").duration == pytest.approx(1.0, abs=0.006)


def test_the_first_time_stamp_counts_as_zero_wherever_it_is(tmp_path: Path) -> None:
    for name, start in (("late.mkv", 5000), ("late.mp4", 5000), ("late.ts", 5000), ("soon.mkv", 40)):
        encode(tmp_path / name, clip(6), 25, ms=[start + 40 * number for number in range(6)])
        np.testing.assert_allclose(read_video(tmp_path / name).seconds, np.arange(6) / 25, atol=1.1e-3, err_msg=name)


@pytest.mark.parametrize("suffix", [".ts", ".mpg", ".wmv", ".flv", ".3gp", ".ogv", ".m2ts"])
def test_other_containers_are_read(tmp_path: Path, suffix: str) -> None:
    codec = {".mpg": "mpeg2video", ".wmv": "mpeg4", ".ogv": "libtheora", ".3gp": "mpeg4"}.get(suffix, "libx264")
    if codec == "libtheora" and codec not in av.codecs_available:
        codec, suffix = "libvpx", ".webm"
    encode(tmp_path / f"a{suffix}", clip(12), 25, codec=codec, pix="yuv420p", options={"bf": "0", "b": "2000000"})
    video = read_video(tmp_path / f"a{suffix}")
    assert len(video.rgb) == 12 and video.frame_rate == pytest.approx(25, rel=0.01)
    assert ball_at(video.rgb[9]) == pytest.approx(28, abs=1)


def test_an_avi_without_index_is_read(tmp_path: Path) -> None:
    write_video(tmp_path / "a.avi", np.stack(clip(12)), 25.0)
    data = (tmp_path / "a.avi").read_bytes()
    place = data.rindex(b"idx1")
    for size in (0, place - 8):  # of a recorder that was switched off, and of one that writes no index
        (tmp_path / "b.avi").write_bytes(data[:4] + struct.pack("<I", size) + data[8:place])
        assert len(read_video(tmp_path / "b.avi").rgb) == 12


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".gif"])
def test_a_single_frame_is_a_video(tmp_path: Path, suffix: str) -> None:
    write_video(tmp_path / f"a{suffix}", np.stack(clip(1)), 25.0)
    video = read_video(tmp_path / f"a{suffix}")
    assert video.rgb.shape == (1, 48, 64, 3) and 0.03 < video.duration < 0.11


@pytest.mark.parametrize("last", [0, 1])
def test_a_last_frame_without_duration_lasts_as_long_as_the_one_before(tmp_path: Path, last: int) -> None:
    """Some muxers give the last sample a duration of 0 (here written into the time-to-sample table)."""
    encode(tmp_path / "a.mp4", clip(8), 25, options={"bf": "0"})
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    place = data.rindex(b"stts")
    entries, count, delta = struct.unpack(">III", data[place + 8 : place + 20])
    assert (entries, count) == (1, 8)
    if last == 0:
        assert read_video(tmp_path / "a.mp4").duration == pytest.approx(8 / 25, abs=1e-3)
        return
    data[place - 4 : place] = struct.pack(">I", 32)  # one entry more, taken from the bytes that follow
    grown = data[: place + 8] + struct.pack(">IIIII", 2, 7, delta, 1, 0) + data[place + 20 :]
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        at = grown.index(name) - 4
        grown[at : at + 4] = struct.pack(">I", struct.unpack(">I", grown[at : at + 4])[0] + 8)
    (tmp_path / "b.mp4").write_bytes(grown)
    frames = list(iterate_frames(tmp_path / "b.mp4"))
    assert len(frames) == 8
    assert frames[-1].end == pytest.approx(8 / 25, abs=1e-3)


def test_sampling_is_by_nearest_frame_for_a_steady_source() -> None:
    picture = np.zeros((1, 1, 3), np.uint8)

    def steady(count: int, rate: float) -> list[TimedFrame]:
        return [TimedFrame(n / rate, (n + 1) / rate, picture) for n in range(count)]

    for rate, count in ((24, 49), (30, 61), (60, 121), (16, 33), (50, 101)):
        chosen = [number for number, _ in sample_frames(steady(count, rate), 16.0)]
        exact = np.arange(len(chosen)) / 16 * rate
        assert np.abs(np.array(chosen) - exact).max() <= 0.5 + 1e-6, rate
        assert len(chosen) == 33, rate


# ---------------------------------------------------------------- which stream


def with_cover(source: Path, target: Path) -> None:
    """Add a cover picture to an MP4, as music and film shops do."""
    jpeg = io.BytesIO()
    Image.new("RGB", (300, 300), (10, 200, 10)).save(jpeg, "JPEG")

    def box(kind: bytes, payload: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(payload), kind) + payload

    handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    cover = box(b"covr", box(b"data", struct.pack(">II", 13, 0) + jpeg.getvalue()))
    data = source.read_bytes()
    at = data.index(b"moov") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    movie = data[at + 8 : at + size] + box(b"udta", box(b"meta", bytes(4) + handler + box(b"ilst", cover)))
    target.write_bytes(data[:at] + box(b"moov", movie) + data[at + size :])


def test_cover_art_is_never_the_video(tmp_path: Path) -> None:
    with_cover(encode(tmp_path / "plain.mp4", clip(12)), tmp_path / "cover.mp4")
    assert read_video(tmp_path / "cover.mp4").rgb.shape == (12, 48, 64, 3)


def test_sound_with_a_cover_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for _ in range(4):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16000
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with_cover(tmp_path / "sound.mp4", tmp_path / "song.mp4")
    with pytest.raises(VideoError, match=r"song\.mp4 has no picture stream but a cover picture"):
        read_video(tmp_path / "song.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".ts"])
def test_of_several_streams_the_best_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"two{suffix}"
    with av.open(str(path), "w") as container:
        streams = []
        for scale in (1, 2):
            stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
            stream.height, stream.width, stream.pix_fmt = 48 * scale, 64 * scale, "yuv420p"
            stream.disposition = Disposition.default
            streams.append(stream)
        for picture in np.random.default_rng(0).integers(0, 255, (12, 48, 64, 3), dtype=np.uint8):
            for scale, stream in enumerate(streams, start=1):
                large = np.ascontiguousarray(picture.repeat(scale, 0).repeat(scale, 1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(large, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode())
    assert read_video(path).rgb.shape[1:] == (96, 128, 3)


# ---------------------------------------------------------------- shape of the picture

CORNERS = np.full((32, 48, 3), 40, np.uint8)
CORNERS[:16, :24], CORNERS[:16, 24:], CORNERS[16:, :24] = (220, 30, 30), (30, 220, 30), (30, 30, 220)


@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_rotation_and_mirroring_are_applied(tmp_path: Path, suffix: str, degrees: int, hflip: bool) -> None:
    path = tmp_path / f"a{suffix}"
    encode(path, [CORNERS] * 3, prepare=lambda stream: stream.set_display_rotation(degrees, hflip=hflip))
    right = np.rot90(CORNERS, degrees // 90)
    right = right[:, ::-1] if hflip else right
    video = read_video(path)
    assert video.rgb.shape[1:] == right.shape
    assert np.abs(video.rgb[0].astype(int) - right).mean() < 8


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize(("aspect", "width"), [((2, 1), 128), ((4, 3), 85), ((1, 2), 32), ((1, 1), 64)])
def test_pixels_are_made_square(tmp_path: Path, suffix: str, aspect: tuple[int, int], width: int) -> None:
    def shape(stream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(*aspect)

    encode(tmp_path / f"a{suffix}", clip(6), prepare=shape, options={"bf": "0", "crf": "8"})
    video = read_video(tmp_path / f"a{suffix}")
    assert video.rgb.shape[1:] == (48, width, 3)
    assert ball_at(video.rgb[3]) == pytest.approx((16.5) * width / 64 - 0.5, abs=1.2)


def test_pixel_shape_comes_before_rotation(tmp_path: Path) -> None:
    def prepare(stream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        stream.set_display_rotation(90)

    encode(tmp_path / "a.mp4", clip(3), prepare=prepare)
    assert read_video(tmp_path / "a.mp4").rgb.shape[1:] == (128, 48, 3)


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mpg"])
def test_both_fields_of_interlaced_video_are_pictures(tmp_path: Path, suffix: str, order: str) -> None:
    def wide(x: float) -> np.ndarray:  # grey: 4:2:0 mixes the colours of the fields, not their brightness
        return np.where(ball(x, 96, 160, 14)[..., :1] > 150, 230, 40).astype(np.uint8).repeat(3, axis=2)

    woven = []
    for number in range(12):
        frame = wide(20 + 4 * number)
        second = slice(order == "tff", None, 2)
        frame[second] = wide(22 + 4 * number)[second]
        woven.append(frame)
    codec, options = ("libx264", {"crf": "6", "flags": "+ildct+ilme"})
    if suffix == ".mpg":
        codec, options = "mpeg2video", {"flags": "+ildct+ilme", "b": "4000000"}
    encode(tmp_path / f"a{suffix}", woven, 25, codec=codec, options=options, pix="yuv420p", field_order=order)
    video = read_video(tmp_path / f"a{suffix}")
    assert len(video.rgb) == 24 and video.frame_rate == pytest.approx(50, rel=0.02)
    for number in range(4, 20):
        edges = [np.flatnonzero(row > 130)[[0, -1]] for row in video.rgb[number, 44:52, :, 0]]
        assert np.ptp(edges, axis=0).max() <= 1, number
        assert np.mean(edges) == pytest.approx(20 + 2 * number, abs=0.5), number


# ---------------------------------------------------------------- colour


def flat(path: Path, pix: str, codes: tuple[int, ...], *, trc: int, primaries: int, matrix: int, depth: int) -> None:
    """Write frames of one colour, given by its codes, with colour tags and nothing converted."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, pix
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = primaries, trc, matrix, 1
        for number in range(3):
            frame = av.VideoFrame(32, 16, pix)
            for plane, code in zip(frame.planes, codes, strict=True):
                kind = np.uint16 if depth > 8 else np.uint8
                plane.update(np.full(plane.buffer_size // kind().itemsize, code, kind).tobytes())
            frame.pts, frame.colorspace, frame.color_range = number, matrix, 1
            frame.color_trc, frame.color_primaries = trc, primaries
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def level(path: Path) -> np.ndarray:
    return read_video(path).rgb[1, 4, 4].astype(int)


@pytest.mark.parametrize(("name", "trc", "signal"), [("pq", 16, 0.5807), ("hlg", 18, 0.75)])
def test_hdr_white_is_white(tmp_path: Path, name: str, trc: int, signal: float) -> None:
    """Reference white, 203 cd/m²: 58 % of PQ, 75 % of HLG. Source: ITU-R BT.2408, table 1."""
    path = tmp_path / f"{name}.mkv"
    seen = []
    for share in (0.0, 0.5 * signal, signal, 0.9, 1.0):
        flat(path, "yuv420p10le", (round(64 + 876 * share), 512, 512), trc=trc, primaries=9, matrix=9, depth=10)
        rgb = level(path)
        assert np.ptp(rgb) <= 1
        seen.append(int(rgb[0]))
    assert seen[0] <= 1 and 235 <= seen[2] <= 245 and seen[4] >= 252
    assert seen == sorted(seen)


def test_wide_colours_are_those_of_srgb(tmp_path: Path) -> None:
    """Pure red of BT.709, written in BT.2020, is pure red again; white stays white. Source: ITU-R BT.2087, M2."""
    light = np.array([0.6274, 0.0691, 0.0164])
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    y = code @ [0.2627, 0.6780, 0.0593]
    codes = (y, (code[2] - y) / 1.8814, (code[0] - y) / 1.4746)
    levels = (round(64 + 876 * codes[0]), round(512 + 896 * codes[1]), round(512 + 896 * codes[2]))
    flat(tmp_path / "red.mkv", "yuv444p10le", levels, trc=14, primaries=9, matrix=9, depth=10)
    np.testing.assert_allclose(level(tmp_path / "red.mkv"), (255, 0, 0), atol=12)
    flat(tmp_path / "white.mkv", "yuv444p10le", (940, 512, 512), trc=14, primaries=9, matrix=9, depth=10)
    np.testing.assert_allclose(level(tmp_path / "white.mkv"), (255, 255, 255), atol=1)


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("full", [False, True])
def test_tagged_matrix_and_range_are_obeyed(tmp_path: Path, matrix: int, full: bool) -> None:
    path = tmp_path / "a.mkv"
    colour = (200, 60, 40)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 2 if full else 1
        for _ in range(2):
            frame = av.VideoFrame.from_ndarray(np.full((16, 32, 3), colour, np.uint8), format="rgb24")
            frame = frame.reformat(format="yuv444p", dst_colorspace=matrix, dst_color_range=2 if full else 1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    np.testing.assert_allclose(read_video(path).rgb[0, 4, 4], colour, atol=3)


@pytest.mark.parametrize(("name", "codec", "pix"), [("a.mkv", "ffv1", "bgra"), ("a.mov", "qtrle", "argb")])
def test_transparent_pixels_are_on_black(tmp_path: Path, name: str, codec: str, pix: str) -> None:
    rgba = np.full((32, 48, 4), (200, 100, 50, 255), np.uint8)
    rgba[:, 16:32, 3], rgba[:, 32:, 3] = 128, 0
    encode(tmp_path / name, [rgba] * 2, codec=codec, pix=pix, options={})
    seen = read_video(tmp_path / name).rgb[0]
    np.testing.assert_allclose(seen[5, [5, 20, 40]], [(200, 100, 50), (100, 50, 25), (0, 0, 0)], atol=1)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_transparent_pixels_of_webm_are_on_black(tmp_path: Path, codec: str) -> None:
    rgba = np.full((32, 48, 4), (200, 100, 50, 255), np.uint8)
    rgba[:, 24:, 3] = 0
    encode(
        tmp_path / "a.webm", [rgba] * 5, 25, codec=codec, pix="yuva420p", options={"b": "2000000", "auto-alt-ref": "0"}
    )
    video = read_video(tmp_path / "a.webm")
    assert len(video.rgb) == 5 and video.frame_rate == pytest.approx(25, rel=0.01)
    np.testing.assert_allclose(video.rgb[3, 5, [5, 40]], [(200, 100, 50), (0, 0, 0)], atol=4)


def test_data_of_unknown_kinds_beside_a_frame_is_no_fault(tmp_path: Path) -> None:
    """PyAV does not know the EXIF records that FFmpeg hands on; the rotation is told all the same."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(CORNERS).save(tmp_path / "a.jpg", exif=exif, quality=98)
    seen = read_video(tmp_path / "a.jpg").rgb[0]
    assert np.abs(seen.astype(int) - np.rot90(CORNERS, 3)).mean() < 5


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_transparent_pixels_of_animations_are_on_black(tmp_path: Path, suffix: str) -> None:
    rgba = np.full((32, 48, 4), (200, 100, 50, 255), np.uint8)
    rgba[:, 24:, 3] = 0
    one, two = Image.fromarray(rgba), Image.fromarray(np.ascontiguousarray(rgba[:, ::-1]))
    one.save(tmp_path / f"a{suffix}", save_all=True, append_images=[two], duration=100, disposal=2)
    first, second = read_video(tmp_path / f"a{suffix}").rgb
    np.testing.assert_allclose(first[5, [5, 40]], [(200, 100, 50), (0, 0, 0)], atol=6)
    np.testing.assert_allclose(second[5, [5, 40]], [(0, 0, 0), (200, 100, 50)], atol=6)


# ---------------------------------------------------------------- limits, hostile files


def test_a_picture_above_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    one = io.BytesIO()
    Image.new("P", (16, 16)).save(one, "GIF")
    data = bytearray(one.getvalue())
    data[6:10] = struct.pack("<HH", 15000, 15000)
    (tmp_path / "huge.gif").write_bytes(data)
    with pytest.raises(VideoError, match=r"huge\.gif has pictures of 15000x15000 = 225 million pixels"):
        read_video(tmp_path / "huge.gif")
    write_video(tmp_path / "a.mp4", np.stack(clip(3)), 25.0)
    with pytest.raises(VideoError, match="at most 0 million"):
        list(iterate_frames(tmp_path / "a.mp4", max_pixels=64 * 47))
    assert len(list(iterate_frames(tmp_path / "a.mp4", max_pixels=64 * 48))) == 3


def test_a_video_too_long_for_memory_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", np.stack(clip(20)), 25.0)
    with pytest.raises(VideoError, match="takes more than .* GiB of memory"):
        read_video(tmp_path / "a.mp4", max_bytes=10 * 48 * 64 * 3)
    assert len(read_video(tmp_path / "a.mp4", 10, max_bytes=10 * 48 * 64 * 3).rgb) == 10


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {0}\n"]
)
def test_a_playlist_reaches_no_other_file(tmp_path: Path, text: str) -> None:
    write_video(tmp_path / "secret.ts.mp4", np.stack(clip(3)), 25.0)
    encode(tmp_path / "secret.ts", clip(3), 25, pix="yuv420p")
    (tmp_path / "list.mp4").write_text(text.format("secret.ts"))
    with pytest.raises(VideoError, match=r"cannot read .*list\.mp4"):
        read_video(tmp_path / "list.mp4")


@pytest.mark.parametrize("name", ["a:b.mp4", "x%03d.mp4", "http:x.mp4", "-i.mp4", "Käfer 1.0 (rot).mp4", "a{1,2}.mp4"])
def test_any_file_name_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write_video(tmp_path / "plain.mp4", np.stack(clip(3)), 25.0)
    (tmp_path / "plain.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read_video(Path(name)).rgb) == 3


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif", ".webp", ".png", ".avif"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 48, 64, 3), dtype=np.uint8)
    whole = tmp_path / f"whole{suffix}"
    if suffix in (".webp", ".png", ".avif"):
        save_animation(whole, list(noise), [50] * 24)
    elif suffix in (".mp4", ".mov"):
        encode(whole, list(noise), 20, container_options={"movflags": "+faststart"})
    else:
        write_video(whole, noise, 20.0)
    data = whole.read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(VideoError, match=rf"cut\{suffix}"):
        read_video(tmp_path / f"cut{suffix}")


# ---------------------------------------------------------------- files for people


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_videos_for_people_play_in_browsers(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_video(path, np.stack([CORNERS] * 6), 24.0, "yuv420p")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        assert frame.format.name == "yuv420p"
        assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (1, 1, 1, 1)
    if suffix != ".webm":
        data = path.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")
    assert np.abs(read_video(path).rgb[0].astype(int) - CORNERS).mean() < 4


def test_an_odd_size_is_extended_with_a_warning(tmp_path: Path) -> None:
    frames = np.stack([ball(10, 33, 45)] * 3)
    with pytest.warns(UserWarning, match="45x33 is odd; yuv420p needs even sides"):
        write_video(tmp_path / "a.mp4", frames, 24.0, "yuv420p")
    video = read_video(tmp_path / "a.mp4")
    assert video.rgb.shape == (3, 34, 46, 3)
    assert np.abs(video.rgb[:, :33, :45].astype(int) - frames).mean() < 3


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".flv"])
@pytest.mark.parametrize("rate", [24, Fraction(30000, 1001), 120, 240])
def test_rates_are_exact_in_files_that_count_milliseconds(tmp_path: Path, suffix: str, rate: Fraction | int) -> None:
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    encode(tmp_path / f"a{suffix}", clip(17), rate, codec=codec)
    video = read_video(tmp_path / f"a{suffix}")
    assert video.frame_rate == pytest.approx(float(rate), rel=2e-4 if suffix == ".flv" else 1e-6)
    np.testing.assert_allclose(video.seconds, np.arange(17) / float(rate), atol=2e-4)
