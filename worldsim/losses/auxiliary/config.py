"""How much each auxiliary loss counts, and when."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny

from physics_data.core.config import StrictModel


class AuxiliaryTerm(StrictModel):
    """One auxiliary loss of a run. Losses with settings of their own extend it.

    weight:       factor; with ``by_gradient`` the length of the loss's gradient / that of the denoising loss's, both
                  with respect to the predicted v
    start:        first step at which it counts
    ramp:         steps over which the weight then grows linearly from 0; 0 = at once
    most_noise:   t from which on a predicted clean latent means nothing; a latent frame counts 1 - t / most_noise
    by_gradient:  balance by the length of gradients
    """

    weight: Annotated[float, Field(gt=0)] = 0.1
    start: Annotated[int, Field(ge=0)] = 0
    ramp: Annotated[int, Field(ge=0)] = 100
    most_noise: Annotated[float, Field(gt=0, le=1)] = 0.6
    by_gradient: bool = False

    def share(self, step: int) -> float:
        """Return the share of the weight that counts at a step, 0 to 1."""
        if step < self.start:
            return 0.0
        return min((step - self.start + 1) / self.ramp, 1.0) if self.ramp else 1.0


def _by_name(raw: Any) -> Any:
    """Read each term with the settings of its loss; imports the losses that are named and no others."""
    if not isinstance(raw, Mapping):
        return raw
    from worldsim.losses.auxiliary import AUXILIARY  # the table needs the class above

    return {name: AUXILIARY.get(name).settings.model_validate(value or {}) for name, value in raw.items()}


AuxiliaryTerms = Annotated[dict[str, SerializeAsAny[AuxiliaryTerm]], BeforeValidator(_by_name)]
"""Name of an auxiliary loss → its settings. Names are those of ``AUXILIARY``."""
