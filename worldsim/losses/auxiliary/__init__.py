"""Losses that judge predicted clips by what their labels say. A new one is one file and one line here."""

from physics_data.core.errors import Registry
from worldsim.losses.auxiliary.auxiliary_loss import (
    AuxiliaryLoss,
    AuxiliaryTerm,
    AuxiliaryTerms,
    Prediction,
    excess,
    mean_where,
)

AUXILIARY: Registry[AuxiliaryLoss] = Registry(
    "auxiliary loss",
    {
        "identity": "worldsim.losses.auxiliary.object_losses:IdentityConsistency",
        "permanence": "worldsim.losses.auxiliary.object_losses:ObjectPermanence",
        "attributes": "worldsim.losses.auxiliary.object_losses:AttributeConsistency",
        "physical_plausibility": "worldsim.losses.auxiliary.physical_plausibility:PhysicalPlausibility",
    },
    {"states": "physical_plausibility", "laws": "physical_plausibility"},
)

__all__ = ["AUXILIARY", "AuxiliaryLoss", "AuxiliaryTerm", "AuxiliaryTerms", "Prediction", "excess", "mean_where"]
