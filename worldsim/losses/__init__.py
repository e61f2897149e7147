"""What training minimises. A new loss is one file and one line here."""

from physics_data.core.errors import Registry
from worldsim.losses.loss import Loss, LossInfo

LOSSES: Registry[Loss] = Registry(
    "loss",
    {
        "charbonnier": "worldsim.losses.reconstruction:Charbonnier",
        "gradient": "worldsim.losses.reconstruction:GradientDifference",
        "perceptual": "worldsim.losses.reconstruction:OrientedContrast",
        "discriminator": "worldsim.losses.vae_objective:DiscriminatorHinge",
        "kl": "worldsim.losses.reconstruction:StandardNormalKL",
        "flow_matching": "worldsim.losses.denoising:FlowMatching",
    },
)

__all__ = ["LOSSES", "Loss", "LossInfo"]
