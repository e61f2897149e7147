"""``ClipDataset``: a dataset folder as a ``torch.utils.data.Dataset`` of dictionaries."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from physics_data.core.arguments import checked_arguments
from physics_data.core.errors import DataError, UnknownNameError, suggest
from worldsim.data.collate import to_tensor
from worldsim.data.labels import LABELS, PER_INSTANCE
from worldsim.data.sources import ShardSource

Item = dict[str, Any]
_PIXELS = ("video", "rgb")


class ClipDataset(Dataset[Item]):
    """The clips of one split of a dataset folder, physics or footage.

    An item is a dictionary with ``key``, ``caption``, ``frame_rate`` (Hz), ``source`` ("physics" or "footage") and a
    tensor for each array of the streams that were asked for:

        video:  float32 [3 t h w] in [-1, 1], what the models of this project take
        rgb:    uint8 [t h w 3], sRGB
        labels: the arrays of ``worldsim.data.labels.LABELS``, e.g. ``instance_ids`` [t h w], ``depth_map`` [t h w] m,
                ``amodal_masks`` [t o h w], ``optical_flow`` [t-1 h w 2] and ``optical_flow_seen``, ``track_pixel``

    Clips may differ in size and in their number of objects; pass ``collate_fn=ClipDataset.collate`` to a DataLoader,
    which pads objects and refuses sizes that differ with a sentence.

    Examples:
        >>> import worldsim as ws
        >>> data = ws.ClipDataset("runs/physics", streams=("video", "instance_ids"))  # doctest: +SKIP
        >>> loader = torch.utils.data.DataLoader(data, 4, collate_fn=data.collate, num_workers=2)  # doctest: +SKIP
    """

    @checked_arguments
    def __init__(
        self,
        folder: str | Path,
        split: str = "train",
        streams: Sequence[str] = ("video",),
        annotations: Iterable[str] = (),
        include_impossible: bool = False,
    ) -> None:
        """Open a dataset; clips are read and verified when they are asked for.

        Args:
            folder: dataset folder
            split: "train", "val", "test" or "ood"
            streams: "video", "rgb" and names of labels
            annotations: annotators whose pseudo-labels stand in where a clip has no exact label
            include_impossible: keep the clips of pairs that cannot happen, which are left out otherwise

        Raises:
            DataError: no dataset there, an unfinished one, or no clip in this split.
            UnknownNameError: no such stream.
        """
        for name in streams:
            if name not in _PIXELS and name not in LABELS:
                raise UnknownNameError(f"unknown stream '{name}': {suggest(name, (*_PIXELS, *LABELS))}")
        self.streams = tuple(streams)
        labels = tuple(name for name in streams if name in LABELS)
        self._source = ShardSource(
            Path(folder),
            split,
            name=Path(folder).name,
            labels=labels,
            annotations=annotations,
            include_impossible=include_impossible,
        )

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, position: int) -> Item:
        """Return one clip.

        Raises:
            IndexError: no clip of this position.
            DataError: the shard is missing or damaged, or the clip lacks a stream that was asked for.
        """
        if not -len(self) <= position < len(self):
            raise IndexError(f"clip {position} is asked for, there are {len(self)}.")
        clip = self._source.load(position % len(self))
        meta = clip.meta
        item: Item = {
            "key": meta.key,
            "caption": meta.caption,
            "frame_rate": meta.frame_rate,
            "source": meta.source,
        }
        for name in self.streams:
            if name == "video":
                item[name] = to_tensor(clip.rgb)
            elif name == "rgb":
                item[name] = torch.tensor(clip.rgb)
            else:
                item |= {array: torch.tensor(_found(clip.labels, array, meta.key)) for array in LABELS[name]}
        return item

    @staticmethod
    def collate(items: Sequence[Item]) -> Item:
        """Stack items to one batch. Missing objects are empty in ``amodal_masks``; texts become lists.

        Raises:
            DataError: the clips differ in size or length.
        """
        batch: Item = {}
        for name in items[0]:
            column = [item[name] for item in items]
            if not torch.is_tensor(column[0]):
                is_number = isinstance(column[0], float)
                batch[name] = torch.tensor(column) if is_number else column
                continue
            if name in PER_INSTANCE:
                most = max(array.shape[1] for array in column)
                column = [_padded(array, most) for array in column]
            shapes = {tuple(array.shape) for array in column}
            if len(shapes) > 1:
                raise DataError(
                    f"'{name}' has the shapes {sorted(shapes)} in one batch ({items[0]['key']}, ...); use clips of one "
                    "size and length, or batch_size=1."
                )
            batch[name] = torch.stack(column)
        return batch


def _found(labels: Mapping[str, Any], array: str, key: str) -> Any:
    if array not in labels:
        raise DataError(
            f"clip '{key}' has no '{array}'; build the dataset with that stream or leave it out of streams."
        )
    return labels[array]


def _padded(masks: torch.Tensor, count: int) -> torch.Tensor:
    empty = masks.new_zeros(masks.shape[0], count - masks.shape[1], *masks.shape[2:])
    return torch.cat([masks, empty], dim=1)
