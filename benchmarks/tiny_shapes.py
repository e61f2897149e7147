"""Bodies as PyBullet's TinyRenderer draws them."""

from typing import Any

from physics_data.core.scene import Box, Cylinder, Shape, Sphere


def tiny_shape(bullet: Any, shape: Shape) -> dict[str, Any]:
    """Return the arguments of ``createVisualShape`` for a ball, a box, a cylinder, or a slab for the floor."""
    if isinstance(shape, Sphere):
        return {"shapeType": bullet.GEOM_SPHERE, "radius": shape.radius}
    if isinstance(shape, Box):
        return {"shapeType": bullet.GEOM_BOX, "halfExtents": shape.half_extents}
    if isinstance(shape, Cylinder):
        return {"shapeType": bullet.GEOM_CYLINDER, "radius": shape.radius, "length": 2 * shape.half_height}
    return {"shapeType": bullet.GEOM_BOX, "halfExtents": (20, 20, 0.5), "visualFramePosition": (0, 0, -0.5)}
