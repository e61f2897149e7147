"""What every engine asks of the solids of a scene."""

import numpy as np

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import centre_of_mass
from physics_data.core.scene import Compound, Mesh, SceneSpec

_OFF_CENTRE = 1e-5
"""Distance of a dynamic body's centre of mass from its origin that is let pass, m."""


def check_centred(spec: SceneSpec) -> None:
    """Refuse a scene with a dynamic mesh or compound whose origin is not its centre of mass.

    Raises:
        EngineError: there is one.
    """
    for body in spec.bodies:
        if body.is_dynamic and isinstance(body.shape, Mesh | Compound):
            centre = centre_of_mass(body.shape)
            if np.linalg.norm(centre) > _OFF_CENTRE:
                where = ", ".join(f"{value:.6g}" for value in centre)
                raise EngineError(
                    f"the centre of mass of '{body.name}' ({body.shape.kind}) lies at ({where}) m of its own frame, an "
                    "engine needs it at the origin; make the shape with core.mechanics.centred or centred_mesh."
                )
