"""The log of MuJoCo's contacts as touches of bodies."""

import numpy as np
from jaxtyping import Float, Int

from physics_data.engines.moving_surfaces import MovingSurfaces
from physics_data.engines.recorder import Touches


def touches(
    log: Float[np.ndarray, "n 17"], dt: float, body_of_geom: Int[np.ndarray, "g"], surfaces: MovingSurfaces
) -> Touches:
    """Return what ``mujoco_loop.advance`` logged, with scene bodies in place of geoms.

    Args:
        dt: length of a step, s
    """
    step_index, *geoms = log[:, :3].T.astype(np.int64)
    bodies = (body_of_geom[geoms[0]], body_of_geom[geoms[1]])
    point, normal, own = log[:, 3:6], log[:, 6:9], (log[:, 11:14], log[:, 14:17])
    velocities = []
    for body, velocity in zip(bodies, own, strict=True):
        scripted, belt = surfaces.at(body, step_index, point)
        velocities.append(velocity + scripted + belt)
    return Touches.between(step_index, bodies, point, normal, dt * log[:, 10], velocities, log[:, 9])
