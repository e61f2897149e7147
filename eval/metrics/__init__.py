"""The table of metrics: one file each, one line here."""

from eval.metrics.base import Metric
from physics_data.core.errors import Registry

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "object_permanence": "eval.metrics.object_permanence:ObjectPermanence",
        "survival": "eval.metrics.survival:Survival",
        "reappearance": "eval.metrics.reappearance:Reappearance",
        "containment": "eval.metrics.containment:Containment",
        "count": "eval.metrics.count:Count",
        "identity": "eval.metrics.identity:Identity",
        "attributes": "eval.metrics.attributes:Attributes",
        "motion_realism": "eval.metrics.motion_realism:MotionRealism",
        "free_motion": "eval.metrics.free_motion:FreeMotion",
        "position_skill": "eval.metrics.motion_skill:PositionSkill",
        "velocity_skill": "eval.metrics.motion_skill:VelocitySkill",
        "acceleration_skill": "eval.metrics.motion_skill:AccelerationSkill",
        "contact_time": "eval.metrics.contact_time:ContactTime",
        "restitution": "eval.metrics.restitution:Restitution",
        "momentum": "eval.metrics.momentum:Momentum",
        "energy": "eval.metrics.energy:Energy",
        "rest": "eval.metrics.rest:Rest",
        "drift": "eval.metrics.drift:Drift",
        "gravity_error": "eval.metrics.gravity_error:GravityError",
        "velocity_error": "eval.metrics.velocity_error:VelocityError",
        "overall": "eval.metrics.overall:Overall",
    },
)
