"""Losses that judge predicted clips by what their labels say. A new one is one file and one line here."""

from physics_data.core.errors import Registry
from worldsim.losses.auxiliary.base import AuxiliaryLoss, Prediction, excess, mean_where
from worldsim.losses.auxiliary.config import AuxiliaryTerm, AuxiliaryTerms

AUXILIARY: Registry[AuxiliaryLoss] = Registry(
    "auxiliary loss",
    {
        "identity": "worldsim.losses.auxiliary.identity:IdentityConsistency",
        "permanence": "worldsim.losses.auxiliary.permanence:ObjectPermanence",
        "attributes": "worldsim.losses.auxiliary.attributes:AttributeConsistency",
        "physical_plausibility": "worldsim.losses.auxiliary.physical_plausibility:PhysicalPlausibility",
    },
    {"states": "physical_plausibility", "laws": "physical_plausibility"},
)

__all__ = ["AUXILIARY", "AuxiliaryLoss", "AuxiliaryTerm", "AuxiliaryTerms", "Prediction", "excess", "mean_where"]
