"""What training minimises. A new loss is one file and one line here."""

from physics_data.core.errors import Registry
from worldsim.losses.base import Loss, LossInfo

LOSSES: Registry[Loss] = Registry(
    "loss",
    {
        "charbonnier": "worldsim.losses.reconstruction:Charbonnier",
        "gradient": "worldsim.losses.reconstruction:GradientDifference",
        "perceptual": "worldsim.losses.perceptual:OrientedContrast",
        "critic": "worldsim.losses.adversarial:CriticHinge",
        "kl": "worldsim.losses.kl:StandardNormalKL",
        "flow_matching": "worldsim.losses.flow_matching:FlowMatching",
    },
)

__all__ = ["LOSSES", "Loss", "LossInfo"]
