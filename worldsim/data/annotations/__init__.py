"""Pseudo-labels of footage: what can be told about motion, points and masks from pixels alone."""

from physics_data.core.errors import Registry
from worldsim.data.annotations.base import Annotator

ANNOTATORS: Registry[Annotator] = Registry(
    "annotator",
    {
        "flow": "worldsim.data.annotations.flow:InverseSearchFlow",
        "tracks": "worldsim.data.annotations.tracks:PyramidTracks",
        "moving": "worldsim.data.annotations.moving:MovingPixels",
        "flow_raft": "worldsim.data.annotations.learned.raft:RaftFlow",
        "tracks_cotracker": "worldsim.data.annotations.learned.cotracker:CoTrackerTracks",
        "masks_sam2": "worldsim.data.annotations.learned.sam2:Sam2Masks",
        "depth_anything": "worldsim.data.annotations.learned.depth_anything:DepthAnythingDepth",
    },
)
