"""The table of metrics: one file each, one line here."""

from eval.metrics.base import Metric
from physics_data.core.registry import Registry

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "object_permanence": "eval.metrics.object_permanence:ObjectPermanence",
        "motion_realism": "eval.metrics.motion_realism:MotionRealism",
        "gravity_error": "eval.metrics.gravity_error:GravityError",
        "velocity_error": "eval.metrics.velocity_error:VelocityError",
        "overall": "eval.metrics.overall:Overall",
    },
)
