"""Pseudo-labels of footage: what can be told about motion, points and masks from pixels alone."""

from physics_data.core.errors import Registry
from worldsim.data.annotations.annotator import Annotator

ANNOTATORS: Registry[Annotator] = Registry(
    "annotator",
    {
        "flow": "worldsim.data.annotations.classical:InverseSearchFlow",
        "tracks": "worldsim.data.annotations.classical:PyramidTracks",
        "moving": "worldsim.data.annotations.classical:MovingPixels",
        "flow_raft": "worldsim.data.annotations.learned_annotators:RaftFlow",
        "tracks_cotracker": "worldsim.data.annotations.learned_annotators:CoTrackerTracks",
        "masks_sam2": "worldsim.data.annotations.learned_annotators:Sam2Masks",
        "depth_anything": "worldsim.data.annotations.learned_annotators:DepthAnythingDepth",
    },
)
