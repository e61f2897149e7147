"""``Tracks``: what was seen of every object in a video, and what was seen that should not be there."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from physics_data.core.errors import UnknownNameError, suggest


@dataclass(frozen=True)
class FirstFrame:
    """All that a tracker may know of the reference: its first picture and what is where in it.

    tracked maps an instance id to the object's name; instances that are not named belong to the background.
    """

    rgb: UInt8[np.ndarray, "h w 3"]
    instance_ids: UInt8[np.ndarray, "h w"]
    tracked: dict[int, str]


@dataclass(frozen=True)
class Track:
    """One object through a video.

    Units:
        presence:  True = the object was found in this frame
        whole:     True = it was found and no part of it is cut off by the image border, so its centroid can be trusted
        centroid:  (x, y), pixels; the centre of the top-left pixel is (0.5, 0.5); NaN where absent
        area:      pixels, partly covered ones count in part; 0 where absent
        color:     mean sRGB of its pixels, grey levels; NaN where absent
        box:       (left, top, right, bottom) of its pixels, right and bottom exclusive; NaN where absent
        crowded:   True = it shares a connected piece of foreground with another object, so its outline is a guess
        core:      (x, y, radius) of its thickest part, pixels: of a bob on a rod the bob; NaN where absent

    color, box, crowded and core are None in tracks made by hand.
    """

    name: str
    presence: Bool[np.ndarray, "t"]
    whole: Bool[np.ndarray, "t"]
    centroid: Float[np.ndarray, "t 2"]
    area: Float[np.ndarray, "t"]
    color: Float[np.ndarray, "t 3"] | None = None
    box: Float[np.ndarray, "t 4"] | None = None
    crowded: Bool[np.ndarray, "t"] | None = None
    core: Float[np.ndarray, "t 3"] | None = None

    @property
    def size(self) -> float:
        """Median area over the frames in which it is seen whole (else: seen), pixels; 0 if it never is."""
        for chosen in (self.whole, self.presence):
            if chosen.any():
                return float(np.median(self.area[chosen]))
        return 0.0


@dataclass(frozen=True)
class Tracks:
    """All tracks of a video.

    Units:
        seconds:  time of the picture that was looked at for each frame, s
        initiations:   blobs per frame that match no known object (intruders, duplicates, objects of changed colour)
        labels:   0 = background, i = ``tracks[i - 1]``, 255 = initiation
        camera:   homography of each frame, pixels → pixels of the first frame; None = it stands still
    """

    tracks: tuple[Track, ...]
    seconds: Float[np.ndarray, "t"]
    initiations: Int[np.ndarray, "t"]
    labels: UInt8[np.ndarray, "t h w"]
    camera: Float[np.ndarray, "t 3 3"] | None = None

    def of(self, name: str) -> Track:
        """Return the track of one object.

        Raises:
            UnknownNameError: no object of that name was tracked.
        """
        for track in self.tracks:
            if track.name == name:
                return track
        raise UnknownNameError(f"no track of '{name}': {suggest(name, [track.name for track in self.tracks])}")
