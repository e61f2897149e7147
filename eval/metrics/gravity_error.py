"""Does a free object fall with the gravity of the scene?"""

from typing import ClassVar

from eval.metrics.base import MetricInfo
from eval.metrics.laws import WORST_ERROR, gravity_errors, gravity_stretches, mean_error
from eval.perception.tracks import Tracks
from eval.reference import Reference


class GravityError:
    """Relative error of the fall: 0 falls as the scene says, 1 hovers, 2 falls upward or is not there.

    The tracked centroid is lifted to metres and one constant acceleration is fitted to the frames in which the
    reference object touches nothing: |a_vertical - g| / |g| + (residual of the fit) / (distance fallen from rest).
    Mean over the flights of all objects, weighted by frames; a frame in which the object is not seen whole counts as 2.

    Source: Galilei (1638), Two New Sciences, Third Day.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="gravity_error",
        summary="free objects fall with the acceleration of the scene",
        unit="1 (relative)",
        direction="lower",
        best=0.0,
        worst=WORST_ERROR,
        needs=("trajectory", "contacts", "camera", "amodal_masks"),
        source="Galilei (1638), Two New Sciences, Third Day",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object flies freely, in view and across the camera's axis, for 5 frames."""
        return None if gravity_stretches(reference) else "no object flies freely for 5 frames in view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the error in [0, 2]."""
        return mean_error(gravity_errors(reference, tracks))
