"""Where the camera stands."""

import numpy as np

from physics_data.core.scene import Camera


def sample_side_view(
    rng: np.random.Generator, distance: float, height: float, target_height: float, fov_y: float, jitter: float
) -> Camera:
    """Draw a camera that looks along +y at the plane y = 0, in which the motion takes place.

    Position and target are moved by the same offset, uniform within ± jitter on x and z, so the view keeps
    its direction and size.

    Units:
        distance:       m, from the camera to the plane y = 0
        height:         m, of the camera over the floor
        target_height:  m, of the looked-at point over the floor
        fov_y:          degrees, vertical
        jitter:         m
    """
    x, z = (float(value) for value in rng.uniform(-jitter, jitter, size=2))
    return Camera(position=(x, -distance, height + z), target=(x, 0.0, target_height + z), fov_y=fov_y)
