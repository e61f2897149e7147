"""All derived labels of a clip as named arrays, for files that other programs read."""

from dataclasses import fields

import numpy as np

from physics_data.core.clip import Clip
from physics_data.labels.bodies import body_labels
from physics_data.labels.boxes import amodal_boxes, clip_boxes, visible_boxes
from physics_data.labels.camera import camera_matrices
from physics_data.labels.points import point_tracks


def label_arrays(clip: Clip, num_points: int = 64) -> dict[str, np.ndarray]:
    """Return every derived label of a physics clip by name; ``docs/data_format.md`` says what each is.

    Raises:
        DataError: the clip is footage.
    """
    spec, rendering, _ = clip.labelled
    arrays = {
        "visible_fraction": rendering.visible_fraction(),
        "visible_boxes": visible_boxes(rendering),
        "amodal_boxes": amodal_boxes(rendering),
    }
    groups = {
        "box_3d": clip_boxes(clip),
        "camera": camera_matrices(spec),
        "body": body_labels(clip),
        "point": point_tracks(clip, num_points),
    }
    for name, group in groups.items():
        arrays |= {f"{name}_{field.name}": getattr(group, field.name) for field in fields(group)}
    return arrays
