"""When instances are covered by others."""

from dataclasses import dataclass

import numpy as np

from physics_data.core.clip import Rendering
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import true_intervals


@dataclass(frozen=True)
class Occlusion:
    """Frames in a row in which a body inside the image is covered: ``first_frame`` to ``last_frame``, both included.

    is_full:          none of its pixels is visible in any of them; otherwise some are covered in each
    lasts_to_the_end: the clip ends before it is seen again
    """

    body: str
    first_frame: int
    last_frame: int
    is_full: bool
    lasts_to_the_end: bool


def occlusions(spec: SceneSpec, rendering: Rendering) -> list[Occlusion]:
    """Return the partial and the full occlusions of all instances, by body, then frame, the partial one first.

    A full occlusion lies inside a partial one. Pixels outside the image count for neither.
    """
    fraction = rendering.visible_fraction()
    inside = np.asarray(rendering.amodal_masks.any(axis=(2, 3)))
    found = []
    for instance, body in enumerate(spec.instances):
        for is_full, covered in ((False, fraction[:, instance] < 1), (True, fraction[:, instance] == 0)):
            for first, end in true_intervals(covered & inside[:, instance]):
                occlusion = Occlusion(body.name, first, end - 1, is_full, end == len(inside))
                found.append((instance, first, occlusion))
    return [occlusion for *_, occlusion in sorted(found, key=lambda row: (row[0], row[1], row[2].is_full))]
