"""``IngestConfig``: how clips are cut out of footage, and which are left out."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from physics_data.core.clip import FootageMeasures
from physics_data.core.config import StrictModel
from physics_data.core.shards import RgbCodec
from physics_data.core.video import MAX_PIXELS
from worldsim.data.footage.media import Numbered

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


class IngestConfig(StrictModel):
    """How clips are cut out of footage, and which are left out.

    A picture becomes a clip of one frame. Clips are dropped, and counted by reason, for being black, still or slower
    than ``frame_rate`` (see ``windows.Window``), and above these limits; 1 or a large number switches one off.

    num_frames:             frames of a clip
    height, width:          of a clip, pixels
    side_multiple:          sides of a clip are multiples of it, pixels
    framing:                ``crop`` cuts every picture to height x width; ``keep_shape`` keeps its proportions as far
                            as sides that are multiples of ``side_multiple`` allow, with about as many pixels
    crop:                   which part is kept: the centre, or a random one that differs from clip to clip
    sequence_rate:          rate of numbered picture files, which say nothing of their own
    max_windows_per_file:   at most so many, drawn evenly at random from the whole file; None keeps all
    numbered_pictures:      whether pictures of one name with numbers are a video: ``auto`` looks whether neighbours
                            are alike, ``sequence`` and ``stills`` say it
    max_pixels:             larger pictures are not decoded, and their files skipped
    max_frames_per_file:    what comes later in a file is not used
    max_repeated_fraction:  repeated frames (the source is slower than frame_rate)
    max_camera_shake:       image heights per frame, see ``FootageMeasures``
    max_text_fraction:      fraction of the picture under lettering
    max_bars_fraction:      fraction of the rows or columns in black bars
    max_same_difference:    grey levels by which no part of a clip differs from an earlier clip; -1 keeps all
    codec:                  how clips are stored: ``zstd`` keeps every byte, ``h264`` is about 10 times smaller and
                            off by 1.4 grey levels on average
    test_fraction:          fraction of the files, by digest, whose clips go into split "test"

    Units:
        frame_rate, sequence_rate:  Hz
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {
        "max_repeated_share": "max_repeated_fraction",
        "max_text_share": "max_text_fraction",
        "max_bars_share": "max_bars_fraction",
        "test_share": "test_fraction",
    }

    num_frames: Count = 17
    frame_rate: Annotated[float, Field(gt=0)] = 16.0
    height: Count = 64
    width: Count = 64
    framing: Literal["crop", "keep_shape"] = "crop"
    side_multiple: Count = 16
    crop: Literal["centre", "random"] = "centre"
    sequence_rate: Annotated[float, Field(gt=0)] = 24.0
    numbered_pictures: Numbered = "auto"
    max_pixels: Count = MAX_PIXELS
    max_frames_per_file: Count = 1_000_000
    max_windows_per_file: Count | None = None
    max_repeated_fraction: Fraction = 0.25
    max_camera_shake: NonNegative = 0.05
    max_text_fraction: Fraction = 0.12
    max_bars_fraction: Fraction = 0.04
    max_same_difference: Annotated[int, Field(ge=-1, le=255)] = 6
    codec: RgbCodec = "zstd"
    test_fraction: Fraction = 0.1

    def flaw(self, measures: FootageMeasures) -> str | None:
        """Return which limit a clip breaks, or None."""
        limits = {
            "shaky": (measures.camera_shake, self.max_camera_shake),
            "text": (measures.text_share, self.max_text_fraction),
            "letterbox": (measures.bars_share, self.max_bars_fraction),
        }
        return next((name for name, (value, limit) in limits.items() if value > limit), None)
