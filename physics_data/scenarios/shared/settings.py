"""The settings that the scenes of a dataset share."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from physics_data.core.config import StrictModel
from physics_data.core.scene import NonNegative, Positive, check_rates

CameraMotion = Literal["fixed", "orbit", "pan", "look_away", "handheld", "cut"]


class SceneSettings(StrictModel):
    """What the scenes of a dataset have in common. The defaults are those of the demo: 1 s at 64 × 64.

    num_frames:        frames of a clip
    frame_rate:        of the video, Hz
    width, height:     of the picture, pixels
    camera_distance:   from the camera to its target along the ground, m
    camera_height, camera_target_height:  above the ground, m
    camera_fov_y:      vertical field of view, degrees
    camera_jitter:     largest random change of the camera, relative
    physics_rate:      engine steps, Hz
    palette, floors:   names from ``variation.colors``
    radius:            smallest and largest ball, m; left out: 0.22 to 0.45, and 0.25 to 0.35 in the centred layout
    layout:            "wide": events anywhere in the picture and clip, speeds in m/s that do not depend on
                       ``num_frames``, headings in depth, and a camera of varied azimuth, elevation, distance and
                       field of view (``scenarios.staging``); "centred": the draws of earlier versions, in the
                       middle of the picture and clip, which the published suites and models rest on
    ranges:            "held_out" draws every range that has a held-out part from there, and nothing from training's
    appearance:        "plain": named colours, one highlight; "varied" and "held_out": textures, materials, lights and
                       sensors from two sets that have nothing in common (``variation.appearance``)
    textures:          folder of pictures for floors and backdrops of an appearance other than "plain"
    camera_motion:     what the camera does, see ``variation.cameras``; of several, one is drawn for each scene
    distractors:       fewest and most bodies that lie about or roll along behind what happens, and touch nothing of it
    occluders:         fewest and most screens that stand in front of it
    camera_*:          see ``variation.cameras``; m and degrees. The defaults show about 4 m × 4 m of the plane y = 0.
                       ``camera_jitter: 0`` keeps the camera exactly where the others put it, in both layouts.
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"looks": "appearance"}

    num_frames: Annotated[int, Field(ge=2)] = 17
    frame_rate: Positive = 16.0
    physics_rate: Positive = 960.0
    width: Annotated[int, Field(ge=8, le=4096)] = 64
    height: Annotated[int, Field(ge=8, le=4096)] = 64
    palette: tuple[str, ...] = ("red", "blue", "green", "yellow", "purple", "orange")
    floors: tuple[str, ...] = ("grey", "sand", "slate")
    layout: Literal["centred", "wide"] = "wide"
    radius: tuple[Positive, Positive] = Field(
        default_factory=lambda data: (0.25, 0.35) if data.get("layout") == "centred" else (0.22, 0.45)
    )
    ranges: Literal["train", "held_out"] = "train"
    appearance: Annotated[Literal["plain", "varied", "held_out"], Field(serialization_alias="looks")] = "plain"
    textures: str | None = None
    camera_motion: CameraMotion | Annotated[tuple[CameraMotion, ...], Field(min_length=1)] = "fixed"
    distractors: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=8)]] = (0, 0)
    occluders: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=3)]] = (0, 0)
    camera_distance: Positive = 5.5
    camera_height: Positive = 1.8
    camera_target_height: Positive = 1.45
    camera_fov_y: Annotated[float, Field(gt=1, lt=170)] = 40.0
    camera_jitter: NonNegative = 0.05

    @model_validator(mode="after")
    def _rates_fit(self) -> "SceneSettings":
        check_rates(self.physics_rate, self.frame_rate)
        for name in ("distractors", "occluders"):
            fewest, most = getattr(self, name)
            if fewest > most:
                raise ValueError(f"{name}: the fewest are {fewest} and the most {most}; write [{most}, {fewest}]")
        return self

    @property
    def is_wide(self) -> bool:
        """Whether the layout is "wide"."""
        return self.layout == "wide"

    @property
    def duration(self) -> float:
        """Scene time between the first and the last frame, s."""
        return (self.num_frames - 1) / self.frame_rate
