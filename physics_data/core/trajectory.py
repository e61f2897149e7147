"""``Trajectory``: what an engine made of a scene, sampled at the video's frames."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from physics_data.core.errors import DataError
from physics_data.core.scene import SceneSpec


@dataclass(frozen=True)
class Contacts:
    """Contacts merged per body pair, frame interval and direction; row order: frame, then body_a, then body_b.

    A row with frame_index k sums what happened in the engine steps after frame k - 1 up to frame k; frame 0
    has no interval before it and holds no rows. body_a < body_b are positions in ``SceneSpec.bodies``. A pair has
    several rows of one interval where it pushes in directions more than 15 degrees apart, for example a ball in the
    corner of a tray. The sum of impulse times normal over a pair's rows is the whole push without friction. Two
    bodies of which neither is dynamic have no rows.

    Units:
        point:    m, world frame, mean of the touching points weighted by impulse, which is the centre of pressure;
                  where one of the two is a compound, the touching point nearest to it, since the mean of its feet
                  may lie on no surface
        normal:   unit vector from body_a towards body_b
        impulse:  N s, length of the summed normal impulses of the row over the interval, >= 0
        seconds:  s, when the pair first pushed in this interval (a resolution of one engine step)
        slip:     m/s, largest tangential speed of the two surfaces at the touching points
        depth:    m, deepest overlap, >= 0
    """

    frame_index: Int[np.ndarray, "n"]
    body_a: Int[np.ndarray, "n"]
    body_b: Int[np.ndarray, "n"]
    point: Float[np.ndarray, "n 3"]
    normal: Float[np.ndarray, "n 3"]
    impulse: Float[np.ndarray, "n"]
    seconds: Float[np.ndarray, "n"]
    slip: Float[np.ndarray, "n"]
    depth: Float[np.ndarray, "n"]

    @classmethod
    def none(cls) -> "Contacts":
        """Return no contacts."""
        index, vector, scalar = np.zeros(0, dtype=np.int64), np.zeros((0, 3)), np.zeros(0)
        return cls(index, index, index, vector, vector, scalar, scalar, scalar, scalar)

    def __len__(self) -> int:
        return len(self.frame_index)


_STATES = ("position", "orientation", "linear_velocity", "angular_velocity")


@dataclass(frozen=True)
class Trajectory:
    """States of all bodies of a scene at every frame, and the contacts between the frames.

    Axes: t frames, o bodies in the order of ``SceneSpec.bodies`` (planes included).

    Units:
        position:          m, world frame, the body's origin (its centre of mass)
        orientation:       world_from_body, unit quaternion wxyz
        linear_velocity:   m/s, world frame
        angular_velocity:  rad/s, world frame
        present:           False = the body is nowhere in this frame, as an action or an editor can make it;
                           None = all are there always
    """

    position: Float[np.ndarray, "t o 3"]
    orientation: Float[np.ndarray, "t o 4"]
    linear_velocity: Float[np.ndarray, "t o 3"]
    angular_velocity: Float[np.ndarray, "t o 3"]
    contacts: Contacts
    present: Bool[np.ndarray, "t o"] | None = None

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return self.position.shape[0]

    def airborne(self) -> np.ndarray:
        """Return bool [t o], True where the body touched nothing in the frame intervals before and after the frame.

        The accelerations of an airborne frame are those of free flight on both sides of it.
        """
        num_frames, num_bodies = self.position.shape[:2]
        touched = np.zeros((num_frames + 1, num_bodies), dtype=bool)
        for side in (self.contacts.body_a, self.contacts.body_b):
            touched[self.contacts.frame_index, side] = True
        return ~(touched[:-1] | touched[1:])

    def without(self, body_index: int) -> "Trajectory":
        """Return the trajectory with one body deleted and the contacts of that body dropped."""
        keep = np.arange(self.position.shape[1]) != body_index
        contacts = self.contacts
        rows = (contacts.body_a != body_index) & (contacts.body_b != body_index)
        kept = {field.name: getattr(contacts, field.name)[rows] for field in fields(Contacts)}
        for side in ("body_a", "body_b"):
            kept[side] = kept[side] - (kept[side] > body_index)
        return Trajectory(
            self.position[:, keep],
            self.orientation[:, keep],
            self.linear_velocity[:, keep],
            self.angular_velocity[:, keep],
            Contacts(**kept),
            None if self.present is None else self.present[:, keep],
        )

    def check_fits(self, spec: SceneSpec) -> None:
        """Refuse a trajectory that is not one of this scene.

        Raises:
            DataError: another number of frames or bodies, or values that are not finite.
        """
        expected = (spec.num_frames, len(spec.bodies))
        if self.position.shape[:2] != expected:
            raise DataError(
                f"the trajectory has (frames, bodies) = {self.position.shape[:2]}, the scene needs {expected}; "
                "simulate this scene again."
            )
        for name in _STATES:
            if not np.isfinite(getattr(self, name)).all():
                raise DataError(f"{name} of the trajectory holds values that are not finite; simulate the scene again.")

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return flat named arrays for storage."""
        arrays = {name: getattr(self, name) for name in _STATES}
        if self.present is not None:
            arrays["present"] = self.present
        return arrays | {f"contact_{field.name}": getattr(self.contacts, field.name) for field in fields(Contacts)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Trajectory":
        """Rebuild from ``to_arrays``.

        Raises:
            DataError: an array is missing.
        """
        try:
            contacts = Contacts(**{field.name: arrays[f"contact_{field.name}"] for field in fields(Contacts)})
            own = {name: arrays[name] for name in _STATES}
        except KeyError as error:
            raise DataError(f"the stored trajectory has no array {error}; build the clip again.") from error
        return cls(**own, contacts=contacts, present=arrays.get("present"))


def true_intervals(flags: Bool[np.ndarray, "t"]) -> list[tuple[int, int]]:
    """Return the start and the end (exclusive) of every interval in which all values are True, in order."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))
