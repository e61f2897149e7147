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
        "states": "worldsim.losses.auxiliary.states:StateAgreement",
        "laws": "worldsim.losses.auxiliary.laws:LawResiduals",
        "flow_consistency": "worldsim.losses.auxiliary.flow_consistency:FlowConsistency",
        "twin_contrast": "worldsim.losses.auxiliary.twin_contrast:TwinContrast",
        "alignment": "worldsim.losses.auxiliary.alignment:RepresentationAlignment",
    },
)

__all__ = ["AUXILIARY", "AuxiliaryLoss", "AuxiliaryTerm", "AuxiliaryTerms", "Prediction", "excess", "mean_where"]
