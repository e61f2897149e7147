"""Shards: plain tar files of clips that the webdataset library reads, with a byte range for each clip."""

import contextlib
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import AliasChoices, Field

from physics_data.core.array_codec import (
    pack_array,
    pack_depth,
    pack_flow,
    pack_mask,
    pack_table,
    unpack_array,
    unpack_depth,
    unpack_flow,
    unpack_mask,
    unpack_table,
)
from physics_data.core.atomic import atomic_path
from physics_data.core.clip import Clip, ClipMeta, Rendering
from physics_data.core.config import StrictModel, validate_config
from physics_data.core.conventions import CLIP_FORMATS_READ
from physics_data.core.errors import ConfigError, DataError, VideoError
from physics_data.core.remote import read_range
from physics_data.core.trajectory import Trajectory
from physics_data.core.video import decode_video, encode_video


class IndexRow(StrictModel):
    """One line of the index: where a clip lies and what it is.

    offset and length are the bytes of all members of the clip inside the tar; sha256 is theirs.
    """

    key: str
    shard: str
    offset: int
    length: int
    sha256: str
    source: str
    split: str
    scenario: str | None
    engine: str | None
    root_seed: int | None
    pair_id: Annotated[
        str | None, Field(validation_alias=AliasChoices("pair_id", "twin_id"), serialization_alias="twin_id")
    ]
    caption: str
    num_frames: int
    frame_rate: float
    height: int
    width: int


_STREAMS = {
    "optical_flow": (pack_flow, unpack_flow),
    "optical_flow_seen": (pack_mask, unpack_mask),
    "backward_flow": (pack_flow, unpack_flow),
    "backward_flow_seen": (pack_mask, unpack_mask),
    "normal_map": (pack_array, unpack_array),
    "object_coordinates": (pack_array, unpack_array),
}
"""How the optional fields of a ``Rendering`` are stored."""


RgbCodec = Literal["zstd", "h264"]
"""How pixels are stored: zstd keeps every byte and decodes fastest; h264 (4:4:4, crf 13) is for real footage."""


def encode_clip(clip: Clip, rgb_codec: RgbCodec = "zstd") -> dict[str, bytes]:
    """Return the members of a clip: suffix → bytes, in the order in which they are stored."""
    members: dict[str, bytes] = {}
    arrays: dict[str, Any] = {}
    if rgb_codec == "h264":
        members["rgb.mp4"] = encode_video(clip.rgb, clip.meta.frame_rate)
    else:
        members["rgb.zst"], arrays["rgb"] = pack_array(clip.rgb)
    if clip.rendering is not None:
        members["instance_ids.zst"], arrays["instance_ids"] = pack_array(clip.rendering.instance_ids)
        members["depth_map.zst"], arrays["depth_map"] = pack_depth(clip.rendering.depth_map)
        members["amodal_masks.zst"], arrays["amodal_masks"] = pack_mask(clip.rendering.amodal_masks)
        for name, (pack, _) in _STREAMS.items():
            if (stream := getattr(clip.rendering, name)) is not None:
                members[f"{name}.zst"], arrays[name] = pack(stream)
    if clip.trajectory is not None:
        members["trajectory.npz"] = pack_table(clip.trajectory.to_arrays())
    return {"json": json_record(clip.meta, arrays), **members}


def json_record(meta: ClipMeta, arrays: Mapping[str, Any]) -> bytes:
    """Return ``KEY.json``: the clip's meta and how its arrays are stored, filled up to ``PairInfo.record_bytes``."""
    record = {"meta": meta.model_dump(mode="json", by_alias=True), "arrays": arrays}
    data = json.dumps(record, ensure_ascii=False).encode()
    if meta.pair is None or meta.pair.record_bytes is None:
        return data
    assert len(data) <= meta.pair.record_bytes, f"'{meta.key}' has a record of {len(data)} bytes"
    return data.ljust(meta.pair.record_bytes)


def decode_clip(members: dict[str, bytes]) -> Clip:
    """Rebuild a clip from its members.

    Raises:
        DataError: a member is missing or damaged, or the clip has another format version.
    """
    with _damage_as_data_error():
        meta, arrays = _decode_record(members)
        rgb = _decode_rgb(members, arrays, meta)
        rendering = trajectory = None
        if "instance_ids" in arrays:
            rendering = Rendering(
                rgb=rgb,
                instance_ids=unpack_array(members["instance_ids.zst"], arrays["instance_ids"]),
                depth_map=unpack_depth(members["depth_map.zst"], arrays["depth_map"]),
                amodal_masks=unpack_mask(members["amodal_masks.zst"], arrays["amodal_masks"]),
                **{
                    name: unpack(members[f"{name}.zst"], arrays[name])
                    for name, (_, unpack) in _STREAMS.items()
                    if name in arrays
                },
            )
        if "trajectory.npz" in members:
            trajectory = Trajectory.from_arrays(unpack_table(members["trajectory.npz"]))
        if rendering is not None and meta.spec is not None:
            _check_shapes(meta, rendering, len(meta.spec.instances))
    return Clip(meta, rgb, rendering, trajectory)


def _check_shapes(meta: ClipMeta, rendering: Rendering, num_instances: int) -> None:
    frames, size = meta.num_frames, (meta.height, meta.width)
    shapes = {
        "instance_ids": (frames, *size),
        "depth_map": (frames, *size),
        "amodal_masks": (frames, num_instances, *size),
        **{f"{way}_flow": (frames - 1, *size, 2) for way in ("optical", "backward")},
        **{f"{way}_flow_seen": (frames - 1, *size) for way in ("optical", "backward")},
        "normal_map": (frames, *size, 3),
        "object_coordinates": (frames, *size, 3),
    }
    for name, shape in shapes.items():
        array = getattr(rendering, name)
        if array is not None and array.shape != shape:
            raise DataError(f"{name} of clip '{meta.key}' has shape {array.shape}, its record says {shape}.")


def decode_pixels(
    members: dict[str, bytes],
) -> tuple[ClipMeta, UInt8[np.ndarray, "t h w 3"], UInt8[np.ndarray, "t h w"] | None]:
    """Return record, rgb and instance ids (None for footage) of a clip, and leave the other members packed.

    Raises:
        DataError: see ``decode_clip``.
    """
    with _damage_as_data_error():
        meta, arrays = _decode_record(members)
        ids = unpack_array(members["instance_ids.zst"], arrays["instance_ids"]) if "instance_ids" in arrays else None
        return meta, _decode_rgb(members, arrays, meta), ids


_DAMAGE = (
    ConfigError,
    VideoError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    tarfile.TarError,
)
"""What reading a record of any content can raise."""


@contextlib.contextmanager
def _damage_as_data_error() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise DataError(f"a clip record is damaged ({error!r}); build this shard again.") from error


def _decode_record(members: dict[str, bytes]) -> tuple[ClipMeta, dict[str, Any]]:
    record = json.loads(members["json"])
    version = record["meta"].get("format")
    if version not in CLIP_FORMATS_READ:
        known = " and ".join(f"'{name}'" for name in CLIP_FORMATS_READ)
        raise DataError(f"the clip has format '{version}', this version reads {known}; build it again.")
    return validate_config(ClipMeta, record["meta"], source="the clip's record"), record["arrays"]


def _decode_rgb(members: dict[str, bytes], arrays: dict[str, Any], meta: ClipMeta) -> UInt8[np.ndarray, "t h w 3"]:
    if "rgb" in arrays:
        return unpack_array(members["rgb.zst"], arrays["rgb"])
    return decode_video(members["rgb.mp4"], what=f"the pixels of clip '{meta.key}'")


def write_shard(path: Path, clips: Iterable[Clip], rgb_codec: RgbCodec = "zstd") -> list[IndexRow]:
    """Write clips one after the other into a tar file, atomically; equal clips give equal bytes.

    Raises:
        StorageError: the disk refused; no shard is left.
    """
    rows: list[IndexRow] = []
    with atomic_path(path) as partial, open(partial, "wb") as file:
        for clip in clips:
            block = tar_block(clip.meta.key, encode_clip(clip, rgb_codec))
            digest = hashlib.sha256(block).hexdigest()
            rows.append(index_row(clip.meta, f"{path.parent.name}/{path.name}", file.tell(), len(block), digest))
            file.write(block)
        file.write(b"\0" * 1024)  # the two empty records that end a tar
    return rows


def read_clip(folder: Path, row: IndexRow) -> Clip:
    """Read one clip of a dataset folder by its byte range.

    Raises:
        DataError: the shard is missing, truncated, or differs from its checksum.
    """
    return decode_clip(read_members(folder, row))


def read_members(folder: Path, row: IndexRow) -> dict[str, bytes]:
    """Read the members of one clip, suffix → bytes, by its byte range.

    Raises:
        DataError: see ``read_clip``.
    """
    path = _shard_of(folder, row)
    where = f"clip '{row.key}' in {path}"
    try:
        block = read_range(path, row.offset, row.length)
    except (OSError, ValueError, OverflowError, MemoryError) as error:
        raise DataError(f"cannot read {where}: {error}; build the dataset again.") from error
    if len(block) != row.length:
        raise DataError(
            f"{where} is truncated: {len(block)} of {row.length} bytes are there; delete the shard and its .json "
            "and run the build command again, which makes only what is missing."
        )
    if hashlib.sha256(block).hexdigest() != row.sha256:
        raise DataError(
            f"{where} differs from its checksum {row.sha256[:12]}…: the file was changed after it was written; "
            "delete the shard and its .json and run the build command again."
        )
    return unpack_block(block)


def unpack_block(block: bytes) -> dict[str, bytes]:
    """Undo ``tar_block``.

    Raises:
        DataError: the bytes are no tar.
    """
    with _damage_as_data_error(), tarfile.open(fileobj=io.BytesIO(block)) as tar:
        return {info.name.partition(".")[2]: file.read() for info in tar if (file := tar.extractfile(info))}


def _shard_of(folder: Path, row: IndexRow) -> Path:
    """Return the path of a row's shard, which lies inside of the dataset whatever the index says."""
    name = Path(row.shard)
    if name.is_absolute() or ".." in name.parts:
        raise DataError(f"the index of {folder} says that '{row.key}' lies in {row.shard}, outside of the dataset.")
    return folder / name


def read_meta(folder: Path, row: IndexRow) -> ClipMeta:
    """Read the record of one clip alone; it is its first member. The checksum of the clip is not verified.

    Raises:
        DataError: the shard is missing or truncated, or no clip lies there.
    """
    try:
        path = _shard_of(folder, row)
        info = tarfile.TarInfo.frombuf(read_range(path, row.offset, tarfile.BLOCKSIZE), "utf-8", "strict")
        return _decode_record({"json": read_range(path, row.offset + tarfile.BLOCKSIZE, info.size)})[0]
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"cannot read {folder / row.shard}: {reason}; build the dataset again.") from error
    except _DAMAGE as error:
        raise DataError(
            f"clip '{row.key}' in {folder / row.shard} is damaged ({error}); build this shard again."
        ) from error


def tar_block(key: str, members: dict[str, bytes]) -> bytes:
    """Return the members of a clip, suffix → bytes, as they lie in a tar: equal members give equal bytes."""
    parts: list[bytes] = []
    for suffix, data in members.items():
        info = tarfile.TarInfo(f"{key}.{suffix}")
        info.size = len(data)
        info.mode = 0o644
        padding = -len(data) % tarfile.BLOCKSIZE
        parts += [info.tobuf(tarfile.USTAR_FORMAT), data, b"\0" * padding]
    return b"".join(parts)


def index_row(meta: ClipMeta, shard: str, offset: int, length: int, sha256: str) -> IndexRow:
    """Return the line of the index for a clip that lies at some bytes of a shard."""
    return IndexRow(
        key=meta.key,
        shard=shard,
        offset=offset,
        length=length,
        sha256=sha256,
        source=meta.source,
        split=meta.split,
        scenario=meta.spec.scenario if meta.spec else None,
        engine=meta.engine,
        root_seed=meta.spec.root_seed if meta.spec else None,
        pair_id=meta.pair.set_id if meta.pair else None,
        caption=meta.caption,
        num_frames=meta.num_frames,
        frame_rate=meta.frame_rate,
        height=meta.height,
        width=meta.width,
    )
