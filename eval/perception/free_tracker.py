"""Follow whatever moves in a video, without being told what is in it."""

from dataclasses import dataclass, field
from statistics import median

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.optimize import linear_sum_assignment

from eval.perception.camera import apply
from eval.perception.colors import without_specks
from eval.perception.course import Sightings, find_courses
from eval.perception.scene import Scene, take_apart
from eval.perception.tracks import Track, Tracks

MAX_TRACKS = 254

_SMALLEST = 6e-5  # of the picture's pixels, and at least 9
_SHAKEN = 4.0  # times larger before a moving camera, whose registration leaves slivers along edges
_REACH = 2.5  # picture widths per second that a thing may move unseen
_AHEAD = 0.5  # seconds for which it may be taken to go on at constant velocity
_SEARCHED = 0.4  # seconds for which the reach grows
_MEMORY = 3.0  # seconds for which a thing out of sight is remembered
_ALIKE = 0.55  # Bhattacharyya distance of colours up to which two sightings may be one thing
_BINS = 6
_RIM = 1.3  # radii of the largest circle in an outline: what of the outline lies within is its thickest part
_SLIVER = 0.15  # share of a piece below which another thing in it does not crowd its owner
_FLOW_SIDE = 320  # pixels of the longer side from which on the flow is that of pictures shrunk to it
_SHORTEST = 2  # frames; shorter tracks are dropped as noise


@dataclass
class _Piece:
    """One connected piece of foreground, or the part of one that belongs to one thing."""

    mask: np.ndarray  # bool, inside box
    box: tuple[int, int, int, int]  # left, top, right, bottom
    histogram: np.ndarray
    color: np.ndarray
    centroid: np.ndarray
    area: float
    core: np.ndarray  # x, y, radius of the thickest part
    crowded: bool = False
    loose: bool = False  # nothing of the frame before flowed into it


@dataclass
class _Thing:
    """What is remembered of one followed thing."""

    frames: list[int] = field(default_factory=list)
    pieces: list[_Piece] = field(default_factory=list)
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(_BINS**3))

    @property
    def usual_area(self) -> float:
        return median(piece.area for piece in self.pieces[-9:])

    @property
    def typical_area(self) -> float:
        return median(piece.area for piece in self.pieces)

    def predict(self, seconds: np.ndarray, frame: int) -> np.ndarray:
        """Constant velocity, from the last few frames and their times."""
        last = self.pieces[-1].centroid
        if len(self.frames) < 2:
            return last
        back = max(-4, -len(self.frames))
        speed = (last - self.pieces[back].centroid) / (seconds[self.frames[-1]] - seconds[self.frames[back]])
        return last + speed * min(seconds[frame] - seconds[self.frames[-1]], _AHEAD)

    def forget(self, frame: int) -> None:
        at = self.frames.index(frame)
        del self.frames[at], self.pieces[at]

    def see(self, frame: int, piece: _Piece) -> None:
        weight = 1.0 if not self.frames else 0.0 if piece.crowded else 0.2
        self.histogram = (1 - weight) * self.histogram + weight * piece.histogram
        self.frames.append(frame)
        self.pieces.append(piece)


def track_freely(rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> Tracks:
    """Follow everything that moves in front of the empty scene; things that never move are part of the scene.

    Pieces of foreground keep their thing's number from frame to frame by optical flow; a piece of no number is a thing
    that was out of sight, if it looks alike and could have got there, else a new one. A piece of several numbers is cut
    between them.

    Units:
        rgb:         sRGB
        frame_rate:  Hz
        returns:     tracks "1", "2", ... in the order of appearance; initiations counts the tracks that begin, by frame
    """
    return tracks_in(take_apart(rgb), np.arange(len(rgb)) / frame_rate)


def tracks_in(scene: Scene, seconds: Float[np.ndarray, "t"], *, on_canvas: bool = False) -> Tracks:
    """Follow the things of a scene that was taken apart; see ``track_freely``.

    on_canvas leaves places and labels on the scene's canvas, where the background stands still.

    Units:
        seconds:  time of each picture, s; intervals may differ
    """
    num_frames, height, width = scene.foreground.shape
    smallest = max(9.0, _SMALLEST * scene.size[0] * scene.size[1] * (_SHAKEN if scene.camera.moving else 1.0))
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    things: list[_Thing] = []
    labels = np.zeros((num_frames, height, width), np.uint16)
    shrink = max(1, max(height, width) // _FLOW_SIDE)
    before = None
    for frame in range(num_frames):
        mask = _cleaned(scene.foreground[frame])
        count, numbered, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        prior = np.zeros((height, width), np.uint16)
        grey = cv2.cvtColor(scene.video[frame], cv2.COLOR_RGB2GRAY)
        if shrink > 1:
            grey = cv2.resize(grey, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
        if before is not None and count > 1 and labels[frame - 1].any():
            flow = flow_of.calc(grey, before, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
            prior = _carried(labels[frame - 1], flow, mask, shrink)
        before = grey
        claims, loose = _divide(scene.video[frame], numbered, stats, prior, things, smallest)
        for piece in loose:
            piece.loose = True
        _reclaim(claims, loose, things, frame, seconds, scene.size[1])
        for index, piece in claims.items():
            things[index].see(frame, piece)
        for piece in loose:
            if piece.area >= smallest and len(things) < 4 * MAX_TRACKS:
                things.append(_Thing())
                claims[len(things) - 1] = piece
                things[-1].see(frame, piece)
        for index, piece in claims.items():
            left, top, right, bottom = piece.box
            labels[frame, top:bottom, left:right][piece.mask] = index + 1
    things = _on_courses(things, labels, seconds, scene.size[1])
    things, renamed = _linked(things, seconds, scene.size[1])
    return _collect(scene, things, renamed[labels], seconds, on_canvas)


def _on_courses(things: list[_Thing], labels: np.ndarray, seconds: np.ndarray, width: int) -> list[_Thing]:
    """Make things of the loose sightings that lie on one course, whatever they were taken for; relabel them."""
    loose = [
        (frame, number, piece)
        for number, thing in enumerate(things)
        for frame, piece in zip(thing.frames, thing.pieces, strict=True)
        if piece.loose and not piece.crowded
    ]
    loose.sort(key=lambda one: one[0])
    if len(loose) < 3:
        return things
    found = Sightings(
        np.array([frame for frame, _, _ in loose]),
        np.array([piece.centroid for _, _, piece in loose]),
        np.array([piece.area for _, _, piece in loose]),
    )
    for course in find_courses(found, seconds, width):
        if len({loose[k][1] for k in course}) == 1 or len(things) >= 4 * MAX_TRACKS:
            continue
        things.append(_Thing())
        for k in course:
            frame, number, piece = loose[k]
            things[number].forget(frame)
            things[-1].see(frame, piece)
            left, top, right, bottom = piece.box
            labels[frame, top:bottom, left:right][piece.mask] = len(things)
    return things


def _linked(things: list[_Thing], seconds: np.ndarray, width: int) -> tuple[list[_Thing], np.ndarray]:
    """Join a thing that went out of sight with one that came up later, looks alike and could have got there.

    What comes out from behind something is at first a sliver that looks like nothing; seen as a whole, it is known.
    Returns the joined things, and the new number of every old one.
    """
    cost = np.full((len(things), len(things)), 1e6)
    long_enough = [n for n, thing in enumerate(things) if len(thing.frames) >= _SHORTEST]
    areas = {n: things[n].typical_area for n in long_enough}
    first = np.array([seconds[things[n].frames[0]] for n in long_enough])
    for i in long_enough:
        gone = things[i]
        since = first - seconds[gone.frames[-1]]
        for k in np.flatnonzero((since > 0) & (since <= _MEMORY)):
            j, gap = long_enough[k], float(since[k])
            come, size = things[j], abs(np.log(areas[j] / areas[i]))
            if size >= 0.9:
                continue
            reach = 2 * np.sqrt(areas[i]) + _REACH * width * min(gap, _SEARCHED)
            away = np.linalg.norm(come.pieces[0].centroid - gone.predict(seconds, come.frames[0]))
            if away < reach and (color := float(unlikeness(gone.histogram, come.histogram))) < _ALIKE:
                cost[i, j] = away / reach + color + 0.3 * size
    joined = np.arange(len(things))
    for i, j in zip(*linear_sum_assignment(cost), strict=True):
        if cost[i, j] < 1e6:
            joined[j] = i
    roots = np.array([_root(joined, i) for i in range(len(things))], dtype=np.int64)
    kept = {int(root): number for number, root in enumerate(np.unique(roots), start=1)}
    result = []
    for root in kept:
        parts = [things[i] for i in np.flatnonzero(roots == root)]
        parts.sort(key=lambda thing: thing.frames[0] if thing.frames else 0)
        whole = _Thing(histogram=parts[0].histogram)
        for part in parts:
            whole.frames += part.frames
            whole.pieces += part.pieces
        result.append(whole)
    renamed = np.zeros(len(things) + 1, np.uint16)
    renamed[1:] = [kept[int(root)] for root in roots]
    return result, renamed


def _root(joined: np.ndarray, index: int) -> int:
    while joined[index] != index:
        index = int(joined[index])
    return index


def _cleaned(foreground: np.ndarray) -> np.ndarray:
    """Close cracks and drop single pixels."""
    closed = cv2.morphologyEx(foreground, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return without_specks(closed)


def _carried(labels: np.ndarray, flow: np.ndarray, mask: np.ndarray, shrink: int) -> np.ndarray:
    """Where the numbers of the last frame are in this one's foreground; the flow is that of shrunk pictures."""
    height, width = labels.shape
    rows, columns = np.nonzero(mask)
    across, down = shrink * flow[rows // shrink, columns // shrink].T
    x = np.clip(columns + across, 0, width - 1).round().astype(np.intp)
    y = np.clip(rows + down, 0, height - 1).round().astype(np.intp)
    found = np.zeros_like(labels)
    found[rows, columns] = labels[y, x]
    return found


def _piece(picture: np.ndarray, mask: np.ndarray, left: int, top: int, crowded: bool) -> _Piece:
    """Measure a mask at a place of the picture; its box is drawn in around it."""
    whole = mask.astype(np.uint8)
    column, row, across, down = cv2.boundingRect(whole)
    whole = whole[row : row + down, column : column + across]
    left, top = left + column, top + row
    box = (left, top, left + across, top + down)
    pixels = picture[top : box[3], left : box[2]]
    moments = cv2.moments(whole, binaryImage=True)
    core = cv2.erode(whole, np.ones((3, 3), np.uint8))
    chosen = core if cv2.countNonZero(core) >= 6 else whole
    histogram = cv2.calcHist([pixels], [0, 1, 2], chosen, [_BINS] * 3, [0, _BINS * (256 // _BINS + 1)] * 3).ravel()
    color = np.array(cv2.mean(pixels, chosen)[:3])
    area = moments["m00"]
    centroid = np.array([moments["m10"] / area + left + 0.5, moments["m01"] / area + top + 0.5])
    thickest = _core(whole) + np.array([left, top, 0.0])
    return _Piece(whole > 0, box, histogram / histogram.sum(), color, centroid, area, thickest, crowded)


def _core(mask: np.ndarray) -> np.ndarray:
    """Return (x, y, radius) of the thickest part of a mask: what lies in a circle about the largest one inside."""
    depth = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)[1:-1, 1:-1]
    _, radius, _, (x, y) = cv2.minMaxLoc(depth)
    for _ in range(2):
        inside = np.zeros_like(mask)
        cv2.circle(inside, (round(x), round(y)), max(1, round(_RIM * radius)), 1, cv2.FILLED)
        moments = cv2.moments(cv2.bitwise_and(inside, mask), binaryImage=True)
        if not moments["m00"]:
            break
        x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    return np.array([x + 0.5, y + 0.5, radius])


def _divide(
    picture: np.ndarray,
    numbered: np.ndarray,
    stats: np.ndarray,
    prior: np.ndarray,
    things: list[_Thing],
    smallest: float,
) -> tuple[dict[int, _Piece], list[_Piece]]:
    """Give each connected piece to the things that flow into it; return the claims and the pieces of nobody."""
    parts: dict[int, list[tuple[np.ndarray, int, int, bool]]] = {}
    loose: list[_Piece] = []
    for number in range(1, len(stats)):
        left, top, width, height, area = (int(value) for value in stats[number])
        window = np.s_[top : top + height, left : left + width]
        mask = numbered[window] == number
        carried = np.where(mask, prior[window], 0)
        counts = np.bincount(carried[carried > 0], minlength=1)
        owners = [
            int(n)
            for n in np.flatnonzero(counts)
            if counts[n] >= 0.25 * min(things[n - 1].pieces[-1].area, area) and counts[n] >= 4
        ]
        if not owners:
            if area >= smallest:
                loose.append(_piece(picture, mask, left, top, False))
        elif len(owners) == 1:
            parts.setdefault(owners[0] - 1, []).append((mask, left, top, False))
        else:
            nearest = _nearest(carried, owners)
            for owner in owners:
                share = mask & (nearest == owner)
                if share.any():
                    crowded = bool(share.sum() < (1 - _SLIVER) * area)
                    parts.setdefault(owner - 1, []).append((share, left, top, crowded))
    return _join(picture, parts, things, loose, smallest), loose


def _nearest(carried: np.ndarray, owners: list[int]) -> np.ndarray:
    """Number of the nearest carried pixel of one of the owners, at every pixel."""
    distance = [cv2.distanceTransform((carried != owner).astype(np.uint8), cv2.DIST_L2, 3) for owner in owners]
    return np.array(owners)[np.argmin(distance, axis=0)]


def _join(
    picture: np.ndarray,
    parts: dict[int, list[tuple[np.ndarray, int, int, bool]]],
    things: list[_Thing],
    loose: list[_Piece],
    smallest: float,
) -> dict[int, _Piece]:
    """Join the parts of each thing that lie together; a large part that lies apart is a piece of its own."""
    claims: dict[int, _Piece] = {}
    for index, shares in parts.items():
        pieces = sorted((_piece(picture, *share) for share in shares), key=lambda p: -p.area)
        main, reach = pieces[0], 1.3 * np.sqrt(things[index].usual_area)
        for other in pieces[1:]:
            near = np.linalg.norm(other.centroid - main.centroid) < reach
            if near or other.area < smallest:
                main = _union(picture, main, other)
            else:
                loose.append(other)
        claims[index] = main
    return claims


def _union(picture: np.ndarray, first: _Piece, second: _Piece) -> _Piece:
    left, top = min(first.box[0], second.box[0]), min(first.box[1], second.box[1])
    right, bottom = max(first.box[2], second.box[2]), max(first.box[3], second.box[3])
    mask = np.zeros((bottom - top, right - left), dtype=bool)
    for piece in (first, second):
        mask[piece.box[1] - top : piece.box[3] - top, piece.box[0] - left : piece.box[2] - left] |= piece.mask
    return _piece(picture, mask, left, top, first.crowded or second.crowded)


def unlikeness(first: Float[np.ndarray, "*a b"], second: Float[np.ndarray, "*c b"]) -> Float[np.ndarray, "*d"] | float:
    """Bhattacharyya distance of colour histograms, over the last axis: 0 (equal) to 1 (nothing in common)."""
    return np.sqrt(np.maximum(0.0, 1.0 - np.sqrt(first * second).sum(-1)))


def _reclaim(
    claims: dict[int, _Piece], loose: list[_Piece], things: list[_Thing], frame: int, seconds: np.ndarray, width: int
) -> None:
    """Give loose pieces to the things out of sight that look alike and could have got there (Hungarian method)."""
    lost = [
        i for i, thing in enumerate(things) if i not in claims and seconds[frame] - seconds[thing.frames[-1]] <= _MEMORY
    ]
    if not lost or not loose:
        return
    forgotten = [things[i] for i in lost]
    gap = np.array([seconds[frame] - seconds[thing.frames[-1]] for thing in forgotten])
    usual = np.array([thing.usual_area for thing in forgotten])
    reach = 2 * np.sqrt(usual) + _REACH * width * np.minimum(gap, _SEARCHED)
    expected = np.array([thing.predict(seconds, frame) for thing in forgotten])
    last = np.array([thing.pieces[-1].centroid for thing in forgotten])
    place = np.array([piece.centroid for piece in loose])
    away = np.minimum(
        np.linalg.norm(place[None] - expected[:, None], axis=-1),
        1.5 * np.linalg.norm(place[None] - last[:, None], axis=-1),
    )
    color = unlikeness(
        np.array([thing.histogram for thing in forgotten])[:, None], np.array([piece.histogram for piece in loose])
    )
    size = np.abs(np.log(np.array([piece.area for piece in loose])[None] / usual[:, None]))
    fits = (away < reach[:, None]) & (color < _ALIKE) & (size < 1.6)
    cost = np.where(fits, away / reach[:, None] + color + 0.3 * size, 1e6)
    taken = []
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        if cost[row, column] < 1e6:
            claims[lost[row]] = loose[column]
            taken.append(int(column))
    for column in sorted(taken, reverse=True):
        del loose[column]


def _collect(scene: Scene, things: list[_Thing], labels: np.ndarray, seconds: np.ndarray, on_canvas: bool) -> Tracks:
    """Turn things into tracks; what was seen too briefly to be a thing is dropped."""
    num_frames = len(labels)
    height, width = scene.size
    kept = [i for i, thing in enumerate(things) if len(thing.frames) >= _SHORTEST]
    kept = sorted(sorted(kept, key=lambda i: -len(things[i].frames))[:MAX_TRACKS])
    table = np.zeros(len(things) + 1, np.uint8)
    for new, index in enumerate(kept, start=1):
        table[index + 1] = new
    found = table[labels]
    pictures = found if on_canvas else scene.in_picture(found)
    initiations = np.zeros(num_frames, dtype=np.int64)
    back = np.linalg.inv(scene.to_canvas)
    tracks = []
    for new, index in enumerate(kept, start=1):
        thing = things[index]
        if thing.frames[0] > 0:
            initiations[thing.frames[0]] += 1
        presence, whole, crowded = np.zeros((3, num_frames), dtype=bool)
        centroid, color, box, core = (np.full((num_frames, n), np.nan) for n in (2, 3, 4, 3))
        area = np.zeros(num_frames)
        for frame, piece in zip(thing.frames, thing.pieces, strict=True):
            corners = placed = np.array([piece.centroid, piece.box[:2], piece.box[2:], piece.core[:2]])
            if scene.camera.moving:
                placed = apply(back[frame], corners)
            presence[frame], area[frame], crowded[frame] = True, piece.area, piece.crowded
            shown = corners if on_canvas else placed
            centroid[frame], box[frame], color[frame] = shown[0], shown[1:3].ravel(), piece.color
            core[frame] = *shown[3], piece.core[2]
            (left, top), (right, bottom) = placed[1:3]
            whole[frame] = left > 0.5 and top > 0.5 and right < width - 0.5 and bottom < height - 0.5
        tracks.append(Track(str(new), presence, whole, centroid, area, color, box, crowded, core))
    camera = scene.camera.to_first if scene.camera.moving else None
    return Tracks(tuple(tracks), np.asarray(seconds, np.float64), initiations, pictures, camera)
