"""The table of metrics: one file each, one line here."""

from eval.metrics.metric import Metric
from physics_data.core.errors import Registry

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "object_permanence": "eval.metrics.composites:ObjectPermanence",
        "survival": "eval.metrics.visibility:Survival",
        "reappearance": "eval.metrics.visibility:Reappearance",
        "containment": "eval.metrics.containment:Containment",
        "count": "eval.metrics.visibility:Count",
        "identity": "eval.metrics.identity:Identity",
        "attributes": "eval.metrics.identity:Attributes",
        "motion_realism": "eval.metrics.composites:MotionRealism",
        "free_motion": "eval.metrics.free_motion:FreeMotion",
        "position_skill": "eval.metrics.motion_skill:PositionSkill",
        "velocity_skill": "eval.metrics.motion_skill:VelocitySkill",
        "acceleration_skill": "eval.metrics.motion_skill:AccelerationSkill",
        "contact_time": "eval.metrics.impact_metrics:ContactTime",
        "restitution": "eval.metrics.impact_metrics:Restitution",
        "momentum": "eval.metrics.impact_metrics:Momentum",
        "energy": "eval.metrics.energy:Energy",
        "rest": "eval.metrics.resting:Rest",
        "drift": "eval.metrics.resting:Drift",
        "gravity_error": "eval.metrics.free_motion:GravityError",
        "velocity_error": "eval.metrics.free_motion:VelocityError",
        "overall": "eval.metrics.composites:Overall",
    },
)
