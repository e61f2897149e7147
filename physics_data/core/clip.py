"""``Clip``: a video with everything that is known about it; physics clips know all, footage knows pixels."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
from jaxtyping import Bool, Float, UInt8
from pydantic import AliasChoices, Field

from physics_data.core.arguments import checked_arguments
from physics_data.core.config import StrictModel
from physics_data.core.conventions import CLIP_FORMAT, DOMAIN_PHYSICS, DOMAIN_REAL
from physics_data.core.display import video_html
from physics_data.core.errors import DataError
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.core.video import write_video

EventKind = Literal[
    "contact",
    "bounce",
    "rest",
    "topple",
    "contained",
    "hidden",
    "revealed",
    "leaves_view",
    "enters_view",
]
"""What can happen; ``pipeline.annotate`` says exactly when each does."""


class Event(StrictModel):
    """Something that happens, between the frame before ``frame_index`` and that frame.

    bodies names one body, or two: those of a contact or bounce (in the scene's order), or a body and its container.

    seconds:      when, s from the first frame; finer than a frame
    impulse:      N s, contacts only
    is_first:     contacts only: the pair has not touched earlier in the clip
    restitution:  bounces only: measured speed apart over speed together; None where frames do not let one measure it
    """

    kind: EventKind
    frame_index: Annotated[int, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0)]
    bodies: tuple[str, ...]
    impulse: float | None = None
    is_first: bool | None = None
    restitution: float | None = None


class Captions(StrictModel):
    """What a clip shows in three lengths: what it is about, what happens, and the setting with times."""

    short: str
    medium: str
    long: str


Split = Literal["train", "val", "test", "ood"]
"""Which part of a dataset a clip belongs to; "ood" is what training never draws: held-out scenarios and ranges."""


class PairInfo(StrictModel):
    """How a clip belongs to a pair set, whose clips differ in whether they can happen.

    A pair is ``possible`` and ``impossible`` (with a lawful ``control`` where there is one). A quadruplet has two
    possible worlds A and B, and is spliced while what differs is hidden: AA and BB can happen, AB and BA cannot.

    severity:           how large the violation is, as the editor defines it; 0 for clips that can happen
    violation_seconds:  from when to when it happens; None for clips that can happen
    residuals:          how far the clip is from the laws, by law; unit in the name
    switch_frame:       from which frame on a clip of two worlds shows the second one
    later_bodies:       the bodies that are others from there on, as the second world starts with them; the scene of the
                        clip has those of the first
    record_bytes:       length of the clip's JSON, the same for all clips of a set; it is filled up with spaces, since a
                        longer record would tell the impossible ones
    """

    set_id: str
    editor: str
    role: Literal["possible", "impossible", "control", "AA", "BB", "AB", "BA"]
    is_possible: bool
    is_hidden: bool
    severity: float = 0.0
    violation_seconds: tuple[float, float] | None = None
    residuals: dict[str, float] = {}
    switch_frame: int | None = None
    later_bodies: tuple[Body, ...] = ()
    record_bytes: int | None = None


class FootageOrigin(StrictModel):
    """Where a real clip was cut from. ``licence`` is what the side-car said, or "unknown"."""

    file: str
    sha256: str
    start_seconds: float
    licence: str = "unknown"


class FootageMeasures(StrictModel):
    """What was measured on a piece of footage, from its stored pixels.

    motion:         mean length of the optical flow, image heights per second
    camera_motion:  median speed of the picture as a whole, image heights per second
    camera_shake:   root mean square change of that speed from frame to frame, image heights per frame
    text_share:     share of the picture under lettering that stays in place, 1
    bars_share:     share of its rows or columns in black bars, 1
    """

    motion: float
    camera_motion: float
    camera_shake: float
    text_share: float
    bars_share: float


class ClipMeta(StrictModel):
    """The JSON part of a clip.

    caption is the short one of ``captions``; footage has no other. residuals maps a law's name to how far the clip is
    from it (unit in the name); empty for footage.
    """

    format: Literal["worldsim.clip/2", "worldsim.clip/3"] = CLIP_FORMAT
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    source: Literal["physics", "footage"]
    split: Split
    caption: str
    captions: Captions | None = None
    frame_rate: Annotated[float, Field(gt=0)]
    num_frames: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    spec: SceneSpec | None = None
    engine: str | None = None
    engine_version: str | None = None
    renderer: str | None = None
    events: tuple[Event, ...] = ()
    residuals: dict[str, float] = {}
    pair: Annotated[
        PairInfo | None, Field(validation_alias=AliasChoices("pair", "twin"), serialization_alias="twin")
    ] = None
    origin: FootageOrigin | None = None
    measures: FootageMeasures | None = None

    @property
    def domain(self) -> int:
        """The domain token: physics or real."""
        return DOMAIN_PHYSICS if self.source == "physics" else DOMAIN_REAL

    @property
    def cuts(self) -> tuple[int, ...]:
        """The first frame of every shot but the first; bodies and instance ids are the same in all shots."""
        return () if self.spec is None else self.spec.cuts

    def spec_at(self, frame_index: int) -> SceneSpec:
        """Return the scene that a frame of a physics clip shows: in a clip of two worlds they may have other bodies."""
        assert self.spec is not None, "footage has no scene"
        if self.pair is None or self.pair.switch_frame is None or frame_index < self.pair.switch_frame:
            return self.spec
        later = {body.name: body for body in self.pair.later_bodies}
        bodies = tuple(later.get(body.name, body) for body in self.spec.bodies)
        return self.spec.model_copy(update={"bodies": bodies})


Labels = TypeVar("Labels")
"""Labels of every frame: a dataclass of arrays whose first axis is the frame."""

Stream = Literal["optical_flow", "backward_flow", "normal_map", "object_coordinates"]
"""Labels a renderer draws only when asked; the two flows come with their visibility."""

DEFAULT_STREAMS: frozenset[Stream] = frozenset({"optical_flow"})


@dataclass(frozen=True)
class Rendering:
    """What a renderer draws of one scene and trajectory. Axis o: the scene's instances, id - 1.

    Units:
        rgb:           sRGB
        instance_ids:  0 = background, i = ``SceneSpec.instances[i - 1]``; the nearest surface at the pixel centre
        depth_map:     m along the optical axis; +inf where nothing is hit nearer than ``conventions.FAR_PLANE``
        amodal_masks:  True = the instance covers the pixel centre, whether or not something is in front

    The streams below are None where they were not asked for. Flow belongs to the pair of frames k and k + 1, so it
    has one frame less; the sky moves as what is infinitely far away.

        optical_flow:        pixels (x, y): where the surface at a pixel of frame k is in frame k + 1, minus the pixel
        optical_flow_seen:   True = that surface point is inside the image and visible in frame k + 1
        backward_flow:       the same from frame k + 1 to frame k, at the pixels of frame k + 1
        backward_flow_seen:  True = the point is visible in frame k
        normal_map:          outward unit normal, world frame; 0 where the depth is +inf
        object_coordinates:  m, the surface point in the frame of its body (planes too); NaN where the depth is +inf
    """

    rgb: UInt8[np.ndarray, "t h w 3"]
    instance_ids: UInt8[np.ndarray, "t h w"]
    depth_map: Float[np.ndarray, "t h w"]
    amodal_masks: Bool[np.ndarray, "t o h w"]
    optical_flow: Float[np.ndarray, "p h w 2"] | None = None
    optical_flow_seen: Bool[np.ndarray, "p h w"] | None = None
    backward_flow: Float[np.ndarray, "p h w 2"] | None = None
    backward_flow_seen: Bool[np.ndarray, "p h w"] | None = None
    normal_map: Float[np.ndarray, "t h w 3"] | None = None
    object_coordinates: Float[np.ndarray, "t h w 3"] | None = None

    def visible_fraction(self) -> np.ndarray:
        """Return float [t o]: visible pixels / amodal pixels inside the image; 0 where the instance is outside it."""
        ids = np.arange(1, self.amodal_masks.shape[1] + 1, dtype=np.uint8)
        visible = (self.instance_ids[:, None] == ids[None, :, None, None]).sum(axis=(2, 3))
        amodal = self.amodal_masks.sum(axis=(2, 3))
        return visible / np.maximum(amodal, 1)


@dataclass(frozen=True)
class Clip:
    """A video and its labels. Labels that are absent are None; absent is never zero.

    rgb is uint8 sRGB [t h w 3]; ``rendering`` (which then holds the same rgb) and ``trajectory`` are there for
    physics clips and absent for footage.
    """

    meta: ClipMeta
    rgb: UInt8[np.ndarray, "t h w 3"]
    rendering: Rendering | None = None
    trajectory: Trajectory | None = None

    def __post_init__(self) -> None:
        expected = (self.meta.num_frames, self.meta.height, self.meta.width, 3)
        if self.rgb.shape != expected:
            raise DataError(f"clip '{self.meta.key}' has rgb of shape {self.rgb.shape}, its record says {expected}.")
        if self.meta.source == "physics" and not (self.rendering and self.trajectory and self.meta.spec):
            raise DataError(f"physics clip '{self.meta.key}' lacks its spec, rendering or trajectory; build it again.")

    def by_world(self, make: Callable[[SceneSpec], Labels]) -> Labels:
        """Return labels of every frame, each made from the scene that the frame shows (``ClipMeta.spec_at``).

        Args:
            make: returns the labels of all frames as if they all showed the scene that it is given
        """
        first = make(self.meta.spec_at(0))
        if self.meta.pair is None or (switch := self.meta.pair.switch_frame) is None:
            return first
        second = make(self.meta.spec_at(switch))
        joined = {
            field.name: np.concatenate([getattr(first, field.name)[:switch], getattr(second, field.name)[switch:]])
            for field in fields(first)  # pyright: ignore[reportArgumentType]
        }
        return replace(first, **joined)  # pyright: ignore[reportArgumentType, reportCallIssue, reportType]

    @property
    def labelled(self) -> tuple[SceneSpec, Rendering, Trajectory]:
        """The spec, rendering and trajectory of a physics clip.

        Raises:
            DataError: the clip is footage and has none.
        """
        if self.meta.spec is None or self.rendering is None or self.trajectory is None:
            raise DataError(
                f"clip '{self.meta.key}' is real footage without physics labels; give a dataset made by "
                "'python -m physics_data build'."
            )
        return self.meta.spec, self.rendering, self.trajectory

    @property
    def depth_map(self) -> Float[np.ndarray, "t h w"]:
        """Depth along the optical axis, m; +inf for the sky. See ``Rendering``."""
        return self.labelled[1].depth_map

    @property
    def instance_ids(self) -> UInt8[np.ndarray, "t h w"]:
        """0 = background, i = ``meta.spec.instances[i - 1]``. See ``Rendering``."""
        return self.labelled[1].instance_ids

    @property
    def contacts(self) -> Contacts:
        """Contacts per body pair and frame interval."""
        return self.labelled[2].contacts

    @checked_arguments
    def save(self, path: str | Path) -> Path:
        """Write the pictures as a video file for people; the suffix chooses the format (.mp4, .gif, .webm, ...).

        Colours are 4:2:0, as browsers play them; ``write_video`` keeps them at full resolution.
        """
        write_video(Path(path), self.rgb, self.meta.frame_rate, "yuv420p")
        return Path(path)

    def _repr_html_(self) -> str:
        return video_html(self.rgb, self.meta.frame_rate, self.meta.caption)
