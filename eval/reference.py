"""``Reference``: the facts of a simulated clip that metrics compare a video with."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from eval.perception.tracks import FirstFrame
from physics_data.core.clip import Clip
from physics_data.core.geometry import PinholeView, view_of

VISIBLE_SHARE = 0.4
"""An object counts as visible when this share of its full silhouette is seen."""

CLEAR_SHARE = 0.9
"""Its centroid is trusted when this share is seen and no part is cut off by the image border."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A physics clip with what is derived from its labels. Which metric applies depends on this alone.

    Compared by identity, so that what is computed from it can be remembered.
    """

    clip: Clip

    @cached_property
    def tracked(self) -> dict[int, str]:
        """Instance id → name of everything that is followed: objects, and whatever else can move."""
        spec, _, _ = self.clip.labelled
        bodies = enumerate(spec.instances, start=1)
        return {number: body.name for number, body in bodies if body.role == "object" or not body.is_static}

    @cached_property
    def present_at_start(self) -> dict[int, str]:
        """The tracked objects that the first frame shows; the others cannot be recognised later."""
        _, rendering, _ = self.clip.labelled
        return {i: name for i, name in self.tracked.items() if (rendering.instance_ids[0] == i).any()}

    @cached_property
    def first_frame(self) -> FirstFrame:
        """What the tracker may know."""
        _, rendering, _ = self.clip.labelled
        return FirstFrame(rendering.rgb[0], rendering.instance_ids[0], self.present_at_start)

    def visible(self, instance_id: int) -> Bool[np.ndarray, "t"]:
        """Return True where enough of the object is seen that a video without it is wrong."""
        _, rendering, _ = self.clip.labelled
        seen = (rendering.instance_ids == instance_id).sum((1, 2))
        whole = rendering.amodal_masks[:, instance_id - 1].sum((1, 2))
        usual = float(np.median(whole[whole > 0])) if whole.any() else 0.0
        return (seen > 0) & (seen >= VISIBLE_SHARE * usual)

    def clear(self, instance_id: int) -> Bool[np.ndarray, "t"]:
        """Return True where the object is seen whole, so that its centroid says where it is."""
        _, rendering, _ = self.clip.labelled
        mask = rendering.amodal_masks[:, instance_id - 1]
        cut = mask[:, 0].any(-1) | mask[:, -1].any(-1) | mask[:, :, 0].any(-1) | mask[:, :, -1].any(-1)
        return (self._visible_fraction[:, instance_id - 1] >= CLEAR_SHARE) & ~cut

    @cached_property
    def _visible_fraction(self) -> np.ndarray:
        _, rendering, _ = self.clip.labelled
        return rendering.visible_fraction()

    @cached_property
    def view(self) -> PinholeView:
        """The camera, for the clip's picture size."""
        spec, _, _ = self.clip.labelled
        return view_of(spec.camera, spec.width, spec.height)

    def lift(self, name: str, centroid: Float[np.ndarray, "t 2"]) -> Float[np.ndarray, "t 2"]:
        """Lift pixels to metres on the upright plane through the object's first position that faces the camera.

        Units:
            centroid:  (x, y), pixels
            returns:   (to the right, up), m, from the object's first position
        """
        spec, _, trajectory = self.clip.labelled
        start = trajectory.position[0, spec.body_index(name)]
        right, forward = self.view.world_from_camera[:, 0], self.view.world_from_camera[:, 2].copy()
        forward[2] = 0.0
        points = self.view.unproject_to_plane(centroid, start, forward / np.linalg.norm(forward)) - start
        return np.stack([points @ right, points[:, 2]], axis=-1)

    def true_path(self, name: str) -> Float[np.ndarray, "t 2"]:
        """Return the simulated path as ``lift`` would see it, m."""
        spec, _, trajectory = self.clip.labelled
        pixels = self.view.project(trajectory.position[:, spec.body_index(name)])[:, :2]
        return self.lift(name, pixels)
