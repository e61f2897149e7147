"""Does an object on which no horizontal force acts keep its velocity?"""

from typing import ClassVar

from eval.metrics.base import MetricInfo
from eval.metrics.laws import WORST_ERROR, mean_error, velocity_errors, velocity_stretches
from eval.perception.tracks import Tracks
from eval.reference import Reference


class VelocityError:
    """Relative error of the horizontal velocity: 0 keeps it, 1 stands still, 2 goes backwards or is not there.

    One straight line is fitted to the lifted horizontal coordinate between two collisions, across occlusions too:
    |v_fit - v_ref| / |v_ref| + (residual of the fit) / (distance of the reference). Mean over the stretches of all
    objects, weighted by frames; a frame in which the object is not seen whole
    counts as 2.

    Source: Newton (1687), Principia, Lex I.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="velocity_error",
        summary="objects on which no horizontal force acts keep their velocity",
        unit="1 (relative)",
        direction="lower",
        best=0.0,
        worst=WORST_ERROR,
        needs=("trajectory", "contacts", "camera", "amodal_masks"),
        source="Newton (1687), Principia, Lex I",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object crosses 6 % of the image at a steady horizontal velocity, in view."""
        return None if velocity_stretches(reference) else "no object moves steadily across the view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the error in [0, 2]."""
        return mean_error(velocity_errors(reference, tracks))
