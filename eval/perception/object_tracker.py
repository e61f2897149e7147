"""Follow the objects of a reference's first frame through a video, from pixels alone."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from eval.perception.appearance import color_groups, explain, palette_of
from eval.perception.background_model import Background, model_background, shadow_residual
from eval.perception.colors import length
from eval.perception.tracks import FirstFrame, Track, Tracks

INITIATION = 255

_COVERED = 0.45  # a pixel is an object's when it covers this share of it
_FOREIGN = 45.0  # grey levels from every explanation that make a pixel foreign
_REACH = 2.0  # image widths per second within which an object is looked for
_SHIFT = 0.12  # image widths by which the background may be displaced
_EIGHT = np.ones((3, 3), dtype=int)


@dataclass
class _Memory:
    """What the tracker remembers of one object: where it was last, how it moved, how large it first was."""

    area: float
    position: Float[np.ndarray, "2"]
    seconds: float
    pixel_velocity: Float[np.ndarray, "2"] = field(default_factory=lambda: np.zeros(2))
    seen: bool = False

    @property
    def radius(self) -> float:
        return float(np.sqrt(self.area / np.pi))

    def predict(self, seconds: float) -> np.ndarray:
        return self.position + (seconds - self.seconds) * self.pixel_velocity

    def update(self, position: np.ndarray, seconds: float) -> None:
        elapsed = seconds - self.seconds
        if self.seen and elapsed > 0:
            self.pixel_velocity = (position - self.position) / elapsed
        self.position, self.seconds, self.seen = position, seconds, True


@dataclass(frozen=True)
class _Blob:
    """One connected piece of foreground. pixels: row and column indices, n of each."""

    group: int
    rows: Int[np.ndarray, "n"]
    columns: Int[np.ndarray, "n"]
    alpha: Float[np.ndarray, "n"]

    @cached_property
    def area(self) -> float:
        return float(self.alpha.sum())

    @cached_property
    def points(self) -> np.ndarray:
        return np.stack([self.columns, self.rows], axis=-1) + 0.5

    @cached_property
    def centroid(self) -> np.ndarray:
        return self.alpha @ self.points / self.area

    def distance(self, position: np.ndarray) -> float:
        """Pixels from a position to the nearest part of the blob."""
        return float(np.linalg.norm(self.points - position, axis=-1).min())

    def touches_border(self, height: int, width: int) -> bool:
        """Whether the blob reaches the edge of the image."""
        solid = self.alpha > _COVERED
        rows, columns = self.rows[solid], self.columns[solid]
        return bool(((rows == 0) | (rows == height - 1) | (columns == 0) | (columns == width - 1)).any())

    def part(self, keep: np.ndarray) -> "_Blob":
        return _Blob(self.group, self.rows[keep], self.columns[keep], self.alpha[keep])


def track_objects(
    video: UInt8[np.ndarray, "t h w 3"],
    seconds: Float[np.ndarray, "t"],
    covered: Bool[np.ndarray, "t"],
    first: FirstFrame,
) -> Tracks:
    """Track every object that the first reference frame shows.

    Each frame is split into background (shadows allowed), known objects and foreign pixels by colour; connected pieces
    are assigned to the objects by distance to where each should be (Hungarian method). A hidden object is remembered
    and looked for in a circle that grows with the time it has been away. Pieces that no object claims are initiations.

    Units:
        video:    sRGB, the size of the first frame
        seconds:  time of each picture, s
        covered:  False = the video shows nothing for this frame; every object is then absent
        first:    the reference's first frame; objects without a pixel in it are not tracked
    """
    ids = [i for i in first.tracked if (first.instance_ids == i).any()]
    masks = np.array([first.instance_ids == i for i in ids]).reshape(-1, *first.instance_ids.shape)
    picture = first.rgb.astype(np.float32)
    palettes = [palette_of(picture, mask) for mask in masks]
    memories = [_Memory(float(mask.sum()), _center(mask), float(seconds[0])) for mask in masks]
    num_frames, height, width = video.shape[:3]
    presence, whole = np.zeros((2, len(ids), num_frames), dtype=bool)
    centroid = np.full((len(ids), num_frames, 2), np.nan)
    area = np.zeros((len(ids), num_frames))
    color = np.full((len(ids), num_frames, 3), np.nan)
    initiations = np.zeros(num_frames, dtype=np.int64)
    labels = np.zeros((num_frames, height, width), dtype=np.uint8)
    if covered.any():
        background = model_background(video[covered].astype(np.float32), picture, masks, palettes)
        groups = color_groups(palettes)
        for place, frame in enumerate(np.flatnonzero(covered)):
            blobs = _blobs(background, place, palettes, groups)
            claims, foreign = _associate(
                blobs, memories, groups, float(seconds[frame]), width, first_look=bool(frame == 0)
            )
            for index, blob in claims.items():
                memories[index].update(blob.centroid, float(seconds[frame]))
                presence[index, frame], centroid[index, frame], area[index, frame] = True, blob.centroid, blob.area
                whole[index, frame] = not blob.touches_border(height, width)
                solid = blob.alpha > _COVERED
                color[index, frame] = _mean_color(video[frame], blob)
                labels[frame, blob.rows[solid], blob.columns[solid]] = index + 1
            initiations[frame] = len(foreign)
            for blob in foreign:
                labels[frame, blob.rows, blob.columns] = INITIATION
    tracks = tuple(
        Track(first.tracked[i], presence[k], whole[k], centroid[k], area[k], color[k]) for k, i in enumerate(ids)
    )
    return Tracks(tracks, np.asarray(seconds, dtype=np.float64), initiations, labels)


def _mean_color(picture: np.ndarray, blob: _Blob) -> np.ndarray:
    """Mean of a blob's pixels, each by the share of it that the object covers."""
    return blob.alpha @ picture[blob.rows, blob.columns] / blob.area


def _center(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(0)[::-1] + 0.5


def _blobs(background: Background, place: int, palettes: list[np.ndarray], groups: list[int]) -> list[_Blob]:
    """Split one frame into connected pieces of each colour group, and of foreign pixels (group -1)."""
    frame, empty = background.video[place], background.picture
    shape = frame.shape[:2]
    candidates = length(frame - empty) > max(16.0, 3.5 * background.noise)
    rows, columns = np.nonzero(candidates)
    pixels, behind = frame[rows, columns], empty[rows, columns]
    evidence = [explain(pixels, behind, palette) for palette in palettes]
    shadow = shadow_residual(pixels, behind)
    tolerance = _FOREIGN + 2 * background.noise
    residuals = np.array([e.residual for e in evidence]).reshape(len(palettes), len(rows))
    best = residuals.min(0, initial=np.inf)
    found: list[_Blob] = []
    for group in sorted(set(groups)):
        members = [k for k, g in enumerate(groups) if g == group]
        residual = residuals[members].min(0)
        alpha = np.max([evidence[k].alpha for k in members], axis=0)
        own = (residual <= best + 1e-9) & (residual < tolerance) & (residual <= shadow)
        share = np.zeros(shape)
        share[rows, columns] = np.where(own, alpha, 0.0)
        found += _connected(share, share > _COVERED, group)
    foreign = np.zeros(shape)
    strange = (best > tolerance) & (shadow > tolerance / 2)
    strange[strange] = ~_displaced(empty, rows[strange], columns[strange], pixels[strange], tolerance)
    foreign[rows, columns] = strange
    return found + _connected(foreign, foreign > 0, -1)


def _displaced(
    empty: np.ndarray, rows: np.ndarray, columns: np.ndarray, pixels: np.ndarray, tolerance: float
) -> np.ndarray:
    """Whether pixels have a colour of the background nearby: a moving camera shifts it, and adds nothing."""
    height, width = empty.shape[:2]
    steps = np.round(np.linspace(-_SHIFT, _SHIFT, 9) * width).astype(int)
    near_rows = np.clip(rows + steps[:, None], 0, height - 1)
    near_columns = np.clip(columns + steps[:, None], 0, width - 1)
    near = empty[near_rows[:, None], near_columns[None]]
    return shadow_residual(np.broadcast_to(pixels, near.shape), near).min((0, 1)) < tolerance / 2


def _connected(share: np.ndarray, core: np.ndarray, group: int) -> list[_Blob]:
    """Connected pieces of the core, each with the half-covered pixels around it."""
    numbered = np.zeros(core.shape, dtype=np.int32)
    ndimage.label(core, structure=_EIGHT, output=numbered)
    if group >= 0 and core.any():
        grown = ndimage.grey_dilation(numbered, footprint=_EIGHT)
        numbered = np.where(numbered > 0, numbered, np.where(share > 0.08, grown, 0))
    blobs = []
    for number, (down, across) in enumerate(ndimage.find_objects(numbered), start=1):
        rows, columns = np.nonzero(numbered[down, across] == number)
        rows, columns = rows + down.start, columns + across.start
        blobs.append(_Blob(group, rows, columns, share[rows, columns]))
    return blobs


def _associate(
    blobs: list[_Blob], memories: list[_Memory], groups: list[int], seconds: float, width: int, first_look: bool
) -> tuple[dict[int, _Blob], list[_Blob]]:
    """Assign blobs to objects; return the claims by object and the blobs that are initiations."""
    claims: dict[int, _Blob] = {}
    left = [blob for blob in blobs if blob.group < 0]
    for group in sorted(set(groups)):
        members = [k for k, g in enumerate(groups) if g == group]
        own = [blob for blob in blobs if blob.group == group]
        taken, unclaimed = _assign(own, [memories[k] for k in members], seconds, width, first_look)
        claims |= {members[i]: blob for i, blob in taken.items()}
        left += unclaimed
    smallest = min((memory.area for memory in memories), default=9.0)
    large = [blob for blob in left if blob.area >= max(4.0, 4.0 * (width / 64) ** 2, 0.3 * smallest)]
    initiations = [blob for blob in large if not any(_clings(blob, own, memories[k]) for k, own in claims.items())]
    return claims, initiations


def _clings(blob: _Blob, own: _Blob, memory: _Memory) -> bool:
    """Whether a blob is a highlight, a rim or a dark side of an object rather than something of its own."""
    near = float(np.linalg.norm(blob.centroid - own.centroid)) < 1.5 * memory.radius
    return near and blob.area < 0.75 * memory.area


def _assign(
    blobs: list[_Blob], memories: list[_Memory], seconds: float, width: int, first_look: bool
) -> tuple[dict[int, _Blob], list[_Blob]]:
    """Hungarian assignment inside one colour group; a blob as large as several objects may serve several."""
    usual = float(np.median([memory.area for memory in memories]))
    slots = [i for i, blob in enumerate(blobs) for _ in range(max(1, min(len(memories), round(blob.area / usual))))]
    cost = np.full((len(memories), len(slots)), 1e6)
    for row, memory in enumerate(memories):
        expected = memory.predict(seconds)
        reach = memory.radius + (0.0 if first_look else _REACH * width * (seconds - memory.seconds))
        for column, index in enumerate(slots):
            blob = blobs[index]
            near = min(blob.distance(expected), blob.distance(memory.position))
            if near <= reach and blob.area >= 0.15 * memory.area:
                gap = np.linalg.norm(blob.centroid - expected) / max(reach, 1.0)
                cost[row, column] = gap + 0.3 * abs(np.log(blob.area / memory.area))
    claimed: dict[int, list[int]] = {}
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        if cost[row, column] < 1e6:
            claimed.setdefault(slots[column], []).append(int(row))
    taken: dict[int, _Blob] = {}
    for index, rows in claimed.items():
        taken |= _share(blobs[index], rows, [memories[row] for row in rows], seconds)
    loose = [blob for index, blob in enumerate(blobs) if index not in claimed]
    return _gather(taken, loose, memories)


def _share(blob: _Blob, rows: list[int], memories: list[_Memory], seconds: float) -> dict[int, _Blob]:
    """Split a blob among the objects that touch in it, each pixel to the nearest expected centre."""
    if len(rows) == 1:
        return {rows[0]: blob}
    centers = np.array([memory.predict(seconds) for memory in memories])
    centers += blob.centroid - centers.mean(0)
    for _ in range(4):
        distance = np.linalg.norm(blob.points[:, None] - centers, axis=-1)
        nearest = distance.argmin(1)
        if len(set(nearest)) < len(rows):
            break
        centers = np.array([blob.part(np.equal(nearest, i)).centroid for i in range(len(rows))])
    return {row: part for i, row in enumerate(rows) if len((part := blob.part(np.equal(nearest, i))).rows)}


def _gather(
    taken: dict[int, _Blob], loose: list[_Blob], memories: list[_Memory]
) -> tuple[dict[int, _Blob], list[_Blob]]:
    """Join loose fragments to the object they lie on, and refuse objects that grew out of all proportion."""
    initiations = []
    for blob in loose:
        home = [
            row
            for row, own in taken.items()
            if np.linalg.norm(blob.centroid - own.centroid) < 1.2 * memories[row].radius
            and own.area + blob.area < 1.3 * memories[row].area
        ]
        if home:
            own = taken[home[0]]
            parts = zip((own.rows, own.columns, own.alpha), (blob.rows, blob.columns, blob.alpha), strict=True)
            taken[home[0]] = _Blob(own.group, *(np.concatenate(pair) for pair in parts))
        else:
            initiations.append(blob)
    for row, own in list(taken.items()):
        if own.area > 4 * memories[row].area:
            initiations.append(taken.pop(row))
    return taken, initiations
