"""``index.parquet`` of a dataset: one row a clip, read in groups when rows are asked for.

Small indexes are held as rows. Of large ones (10 million rows and more) only single columns and a few groups of rows
are in memory, so a dataset opens in seconds whatever its length.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Int32, Int64

from physics_data.core.atomic import atomic_path
from physics_data.core.config import validate_config
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow

INDEX_NAME = "index.parquet"
GROUP_ROWS = 4096
"""Rows of a group of the file: what is decoded for one row that is not in memory."""

HELD_ROWS = 65_536
"""An index of at most so many rows is held as a list of checked rows."""

_GROUPS_IN_MEMORY = 16
_STORED_NAMES = {name: field.serialization_alias or name for name, field in IndexRow.model_fields.items()}
INDEX_SCHEMA = pa.schema(
    [
        pa.field(
            stored,
            pa.int64()
            if name == "root_seed"
            else {int: pa.int64(), float: pa.float64()}.get(IndexRow.model_fields[name].annotation, pa.string()),
        )
        for name, stored in _STORED_NAMES.items()
    ]
)


def write_index(folder: Path, rows: Iterable[IndexRow]) -> int:
    """Write the Parquet index of a dataset. It is written last, so its presence means the dataset is complete.

    Rows may come from a generator: one group at a time is in memory.

    Returns:
        How many rows there are.
    """
    count = 0
    with atomic_path(folder / INDEX_NAME) as partial, pq.ParquetWriter(partial, INDEX_SCHEMA) as writer:
        left = iter(rows)
        while group := list(islice(left, GROUP_ROWS)):
            writer.write_table(
                pa.Table.from_pylist([row.model_dump(by_alias=True) for row in group], schema=INDEX_SCHEMA)
            )
            count += len(group)
    return count


class ClipIndex(Sequence[IndexRow]):
    """The rows of ``index.parquet`` by position, and its columns."""

    def __init__(self, path: Path) -> None:
        """Open an index.

        Raises:
            DataError: it is missing, damaged, or has other columns; of a small one also where a row does not fit.
        """
        self._path = Path(path)
        self._lock = threading.Lock()
        self._groups: OrderedDict[int, pa.Table] = OrderedDict()
        try:
            self._file = pq.ParquetFile(self._path)
            metadata = self._file.metadata
            sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error
        missing = [name for name in INDEX_SCHEMA.names if name not in self._file.schema_arrow.names]
        if missing:
            raise DataError(f"row 0 of {self._path} does not fit: it has no {', '.join(missing)}; run the build again.")
        self._starts = np.concatenate([[0], np.cumsum(np.array(sizes, dtype=np.int64))])
        self._held: list[IndexRow] | None = None
        if len(self) <= HELD_ROWS:
            self._held = list(self)

    def __reduce__(self) -> tuple[type["ClipIndex"], tuple[Path]]:
        return type(self), (self._path,)  # an open file does not travel to a worker

    def __len__(self) -> int:
        return int(self._starts[-1])

    @overload
    def __getitem__(self, position: int) -> IndexRow: ...

    @overload
    def __getitem__(self, position: slice) -> list[IndexRow]: ...

    def __getitem__(self, position: int | slice) -> IndexRow | list[IndexRow]:
        """Return one row, or a list of rows.

        Raises:
            IndexError: no such row.
            DataError: the row or the file is damaged.
        """
        if isinstance(position, slice):
            return [self[one] for one in range(*position.indices(len(self)))]
        if not -len(self) <= position < len(self):
            raise IndexError(f"row {position} is asked for, the index has {len(self)}")
        position = int(position) % len(self)
        if self._held is not None:
            return self._held[position]
        group = int(np.searchsorted(self._starts, position, side="right")) - 1
        table = self._group(group).slice(position - int(self._starts[group]), 1)
        return self._checked(position, table.to_pylist()[0])

    def __iter__(self) -> Iterator[IndexRow]:
        if self._held is not None:
            yield from self._held
            return
        for group, start in enumerate(self._starts[:-1]):
            for offset, row in enumerate(self._group(group).to_pylist()):
                yield self._checked(int(start) + offset, row)

    def column(self, name: str, positions: Int64[np.ndarray, "n"] | None = None) -> pa.ChunkedArray:
        """Return one column, of all rows or of some.

        Raises:
            DataError: the file is damaged.
        """
        stored = _STORED_NAMES[name]
        try:
            with self._lock:
                column = self._file.read([stored]).column(0)
            return column if positions is None else column.take(pa.array(positions))
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error

    def where(self, name: str, value: object) -> Int64[np.ndarray, "n"]:
        """Return the positions of the rows whose column equals a value, in order."""
        column = self.column(name)
        try:
            equal = pc.equal(column, pa.scalar(value, column.type))  # pyright: ignore[reportAttributeAccessIssue]
        except (pa.ArrowException, TypeError):
            return np.zeros(0, dtype=np.int64)  # the value is of another type
        return np.flatnonzero(equal.fill_null(False).to_numpy())

    def codes(self, name: str) -> tuple[Int32[np.ndarray, "n"], list[Any]]:
        """Return for each row which of the values of a column it has, and those values; -1 where nothing stands."""
        encoded = self.column(name).combine_chunks().dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        return encoded.indices.fill_null(-1).to_numpy(), encoded.dictionary.to_pylist()

    def firsts(self, names: Sequence[str], positions: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "m"]:
        """Return the first of some positions for each combination of values that stands in columns, in order."""
        columns = {name: self.column(name, positions) for name in names}
        table = pa.table({**columns, "position": pa.array(positions)})
        found = table.group_by(list(names)).aggregate([("position", "min")])
        return np.sort(found.column("position_min").to_numpy())

    def texts(self, name: str, positions: Int64[np.ndarray, "n"] | None = None) -> Iterator[list[str]]:
        """Yield a column of all rows, or of rows in rising order, in lists; one group is in memory at a time.

        Raises:
            DataError: the file is damaged.
        """
        stored = _STORED_NAMES[name]
        for group, (start, end) in enumerate(zip(self._starts[:-1], self._starts[1:], strict=True)):
            own = None
            if positions is not None:
                first, last = np.searchsorted(positions, [start, end])
                if first == last:
                    continue
                own = pa.array(positions[first:last] - start)
            try:
                with self._lock:
                    column = self._file.read_row_group(group, [stored]).column(0)
                yield (column if own is None else column.take(own)).to_pylist()
            except (pa.ArrowException, OSError) as error:
                raise self._unreadable(error) from error

    def find(self, key: str) -> int | None:
        """Return the position of a clip by its key, the last one where it stands twice; None where it does not."""
        hashes, order = self._by_hash
        first, last = (int(np.searchsorted(hashes, hash(key), side=side)) for side in ("left", "right"))
        found = (int(position) for position in order[first:last][::-1])
        return next((position for position in found if self[position].key == key), None)

    @cached_property
    def _by_hash(self) -> tuple[Int64[np.ndarray, "n"], Int64[np.ndarray, "n"]]:
        """The sorted hashes of all keys, and the positions that belong to them: 16 bytes a row instead of a table."""
        hashes = np.fromiter((hash(key) for keys in self.texts("key") for key in keys), np.int64, len(self))
        order = np.argsort(hashes, kind="stable")
        return hashes[order], order

    def _group(self, number: int) -> pa.Table:
        """Return one group of rows; the last ones that were asked for are kept."""
        with self._lock:
            if number not in self._groups:
                try:
                    self._groups[number] = self._file.read_row_group(number, list(INDEX_SCHEMA.names))
                except (pa.ArrowException, OSError) as error:
                    raise self._unreadable(error) from error
                while len(self._groups) > _GROUPS_IN_MEMORY:
                    self._groups.popitem(last=False)
            self._groups.move_to_end(number)
            return self._groups[number]

    def _checked(self, position: int, row: dict[str, Any]) -> IndexRow:
        return validate_config(IndexRow, row, source=f"row {position} of {self._path}", error_class=DataError)

    def _unreadable(self, error: Exception) -> DataError:
        return DataError(f"{self._path} cannot be read ({error}); run the build again.")
