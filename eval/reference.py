"""``Reference``: the facts of a simulated clip that metrics compare a video with."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from eval.perception.tracks import FirstFrame
from physics_data.core.clip import Clip
from physics_data.core.errors import DataError
from physics_data.core.geometry import PinholeView, views_of
from physics_data.core.trajectory import Trajectory

VISIBLE_SHARE = 0.4
"""An object counts as visible when this share of its full silhouette is seen."""

CLEAR_SHARE = 0.9
"""Its centroid is trusted when this share is seen and no part is cut off by the image border."""


@dataclass(frozen=True)
class Silhouette:
    """What the labels say of one object's outline in the image.

    Units:
        area:      pixels inside the image, covered by others or not
        seen:      pixels of it that nothing covers
        centroid:  (x, y) of the whole outline, pixels; NaN where it is outside the image
        cut:       True = the image border cuts it off
    """

    area: Int[np.ndarray, "t"]
    seen: Int[np.ndarray, "t"]
    centroid: Float[np.ndarray, "t 2"]
    cut: Bool[np.ndarray, "t"]

    @cached_property
    def usual_area(self) -> float:
        """Median area over the frames in which it is in the image, pixels; 0 if it never is."""
        return float(np.median(self.area[self.area > 0])) if self.area.any() else 0.0

    @property
    def diameter(self) -> float:
        """Of the disc of the usual area, pixels."""
        return float(2 * np.sqrt(self.usual_area / np.pi))


@dataclass(frozen=True, eq=False)
class Reference:
    """A physics clip with what is derived from its labels. Which metric applies depends on this alone.

    takes are further runs of the same scene, from starts that no picture tells from the clip's: how far they go apart
    says what cannot be asked of a video. num_conditioning_frames is how many first frames every video was given; a
    tracker may see them, no metric counts them: ``visible`` and ``clear`` are False there. Compared by identity, so
    that what is computed from it can be remembered.

    Raises:
        DataError: the conditioning frames are negative in number, or leave no frame to score.
    """

    clip: Clip
    takes: tuple[Trajectory, ...] = ()
    num_conditioning_frames: int = field(kw_only=True)

    def __post_init__(self) -> None:
        """Check that something is left to score."""
        if not 0 <= self.num_conditioning_frames < self.clip.meta.num_frames:
            raise DataError(
                f"{self.num_conditioning_frames} conditioning frames leave nothing to score in clip "
                f"'{self.clip.meta.key}' of {self.clip.meta.num_frames}; give 0 to {self.clip.meta.num_frames - 1} "
                "with --num-conditioning-frames."
            )

    @cached_property
    def scored(self) -> Bool[np.ndarray, "t"]:
        """True for the frames that are scored: all after the conditioning frames."""
        return np.arange(self.clip.meta.num_frames) >= self.num_conditioning_frames

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

    def silhouette(self, instance_id: int) -> Silhouette:
        """Return the outline of an instance at every frame."""
        if instance_id not in self._silhouettes:
            self._silhouettes[instance_id] = self._measure(instance_id)
        return self._silhouettes[instance_id]

    @cached_property
    def _silhouettes(self) -> dict[int, Silhouette]:
        return {}

    def _measure(self, instance_id: int) -> Silhouette:
        _, rendering, _ = self.clip.labelled
        mask = rendering.amodal_masks[:, instance_id - 1]
        rows, columns = mask.sum(2), mask.sum(1)
        area = rows.sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            y = rows @ (np.arange(rows.shape[1]) + 0.5) / area
            x = columns @ (np.arange(columns.shape[1]) + 0.5) / area
        cut = (rows[:, 0] > 0) | (rows[:, -1] > 0) | (columns[:, 0] > 0) | (columns[:, -1] > 0)
        seen = (rendering.instance_ids == instance_id).sum((1, 2))
        return Silhouette(area, seen, np.stack([x, y], axis=-1), cut)

    def visible(self, instance_id: int, with_conditioning: bool = False) -> Bool[np.ndarray, "t"]:
        """Return True in scored frames that show enough of the object that a video without it is wrong.

        with_conditioning answers for the conditioning frames, too: what happens later may have begun in them.
        """
        outline = self.silhouette(instance_id)
        shown = (outline.seen > 0) & (outline.seen >= VISIBLE_SHARE * outline.usual_area)
        return shown if with_conditioning else shown & self.scored

    def clear(self, instance_id: int, with_conditioning: bool = False) -> Bool[np.ndarray, "t"]:
        """Return True in scored frames that show the object whole, so that its centroid says where it is."""
        outline = self.silhouette(instance_id)
        whole = (outline.seen >= CLEAR_SHARE * np.maximum(outline.area, 1)) & ~outline.cut
        return whole if with_conditioning else whole & self.scored

    @cached_property
    def views(self) -> list[PinholeView]:
        """The camera of every frame, for the clip's picture size."""
        spec, _, _ = self.clip.labelled
        return views_of(spec)

    @property
    def view(self) -> PinholeView:
        """The camera of the first frame."""
        return self.views[0]

    def lift(
        self, name: str, centroid: Float[np.ndarray, "n 2"], frames: Int[np.ndarray, "n"] | None = None
    ) -> Float[np.ndarray, "n 2"]:
        """Lift pixels to metres on the upright plane through the object's first position that faces the first camera.

        Each frame's pixels go through that frame's own camera.

        Units:
            centroid:  (x, y), pixels
            frames:    which frame each centroid belongs to; None = one of every frame, in order
            returns:   (to the right, up), m, from the object's first position
        """
        spec, _, trajectory = self.clip.labelled
        start = trajectory.position[0, spec.body_index(name)]
        right, forward = self.view.world_from_camera[:, 0].copy(), self.view.world_from_camera[:, 2].copy()
        right[2] = forward[2] = 0.0
        right, forward = right / np.linalg.norm(right), forward / np.linalg.norm(forward)
        if spec.camera.is_moving:
            numbers = np.arange(len(centroid)) if frames is None else frames
            pairs = zip(numbers, centroid, strict=True)
            hits = [self.views[int(k)].unproject_to_plane(pixel, start, forward) for k, pixel in pairs]
            points = np.array(hits).reshape(-1, 3) - start
        else:
            points = self.view.unproject_to_plane(centroid, start, forward) - start
        return np.stack([points @ right, points[:, 2]], axis=-1)

    def true_path(self, name: str, take: Trajectory | None = None) -> Float[np.ndarray, "t 2"]:
        """Return the simulated path of the body's centre (of another take, if given) as ``lift`` would see it, m."""
        spec, _, trajectory = self.clip.labelled
        positions = (take or trajectory).position[:, spec.body_index(name)]
        pixels = [view.project(point)[:2] for view, point in zip(self.views, positions, strict=True)]
        return self.lift(name, np.array(pixels))

    def metres_per_pixel(self, name: str) -> float:
        """Return how long a pixel is where the object starts, m."""
        spec, _, trajectory = self.clip.labelled
        depth = self.view.project(trajectory.position[0, spec.body_index(name)])[2]
        return float(abs(depth) / self.view.focal)
