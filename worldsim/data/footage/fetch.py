"""Where footage comes from: folders, tars and tables on disk, WebDataset URLs, data sets of the Hugging Face hub."""

import contextlib
import hashlib
import http.client
import itertools
import re
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from physics_data.core.atomic import atomic_path
from physics_data.core.errors import ConfigError, DataError
from worldsim.data.footage.packed import PACKED_SUFFIXES

FETCHED_NAME = "fetched"
"""Folder of a dataset in the making that holds what came from elsewhere; deleted when the dataset is complete."""

HUB_PREFIX = "hf:"
_URL_PREFIXES = ("http://", "https://", "pipe:")
_BRACES = re.compile(r"\{([^{}]*)\}")
_BLOCK = 1 << 20


def fetch(sources: Sequence[Path | str], out: Path) -> list[Path]:
    """Return folders, tars and tables on this machine that hold what the sources name, in their order.

    Args:
        sources: folders; ``.tar`` and ``.parquet`` files; ``http://``, ``https://`` and ``pipe:COMMAND`` for tars from
            elsewhere; ``hf:NAME`` or ``hf:NAME:SPLIT`` for a data set of the hub. ``{000..012}`` and ``{a,b}`` stand
            for several of them.
        out: dataset folder; what is not on this machine is stored below it, once, until the dataset is complete

    Raises:
        ConfigError: a package is not installed that a source needs.
        DataError: a source is missing or cannot be read.
    """
    return [_fetch(one, out / FETCHED_NAME) for source in sources for one in expand_braces(str(source))]


def require_there(sources: Sequence[Path | str]) -> None:
    """Check, before anything is written, that the sources on this machine are there.

    Raises:
        DataError: a source is missing, or no kind of source.
    """
    for source in sources:
        for one in expand_braces(str(source)):
            if not _is_elsewhere(one):
                _local(one)


def expand_braces(pattern: str) -> Iterator[str]:
    """Yield every text that a pattern with ``{000..012}`` (same width) and ``{a,b}`` stands for, in order.

    The name of a file or folder that is there stands for itself.
    """
    with contextlib.suppress(OSError, ValueError):  # a command is no name of a file
        if Path(pattern).exists():
            yield pattern
            return
    choices: list[list[str]] = []
    pieces = _BRACES.split(pattern)
    for number, piece in enumerate(pieces):
        if number % 2 == 0:
            choices.append([piece])
        elif match := re.fullmatch(r"(\d+)\.\.(\d+)", piece):
            first, last = match.groups()
            choices.append([str(value).zfill(len(first)) for value in range(int(first), int(last) + 1)])
        else:
            choices.append(piece.split(",") if "," in piece else [f"{{{piece}}}"])
    yield from map("".join, itertools.product(*choices))


def _fetch(source: str, folder: Path) -> Path:
    if source.startswith(HUB_PREFIX):
        return _from_hub(source, folder)
    if source.startswith(_URL_PREFIXES):
        return _from_url(source, folder)
    return _local(source)


def _is_elsewhere(source: str) -> bool:
    return source.startswith((HUB_PREFIX, *_URL_PREFIXES))


def _local(source: str) -> Path:
    path = Path(source)
    if path.is_dir() or (path.is_file() and path.suffix.lower() in PACKED_SUFFIXES):
        return path
    raise DataError(
        f"{source} is no folder; give a folder with videos or pictures, a .tar or .parquet file, a URL of a tar "
        "(http://, https://, pipe:COMMAND), or hf:NAME for a data set of the hub."
    )


def _stored_name(source: str, suffix: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9]+", "_", source.rpartition("/")[2].removesuffix(suffix)).strip("_")[:40]
    return f"{stem or 'source'}-{hashlib.sha256(source.encode()).hexdigest()[:8]}{suffix}"


def _from_url(source: str, folder: Path) -> Path:
    path = folder / _stored_name(source, ".tar")
    if not path.is_file():
        with atomic_path(path) as partial, open(partial, "wb") as file:
            if source.startswith("pipe:"):
                _run(source.removeprefix("pipe:"), file)
            else:
                _download(source, file)
    return path


def _download(url: str, file: Any) -> None:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            while block := answer.read(_BLOCK):
                file.write(block)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(f"cannot fetch {url}: {error}; the same command tries again.") from error


def _run(command: str, file: Any) -> None:
    done = subprocess.run(command, shell=True, stdout=file, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise DataError(f"pipe:{command} ended with code {done.returncode}: {said or 'it said nothing'}.")


def _from_hub(source: str, folder: Path) -> Path:
    """Store a data set of the hub, or one that ``save_to_disk`` wrote, as a Parquet table with the files as bytes."""
    try:
        import datasets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            f"{source} needs the datasets library, which is not installed; run: pip install 'worldsim[hf]', or give "
            "the data set's .parquet files, which need nothing further."
        ) from error
    path = folder / _stored_name(source, ".parquet")
    if path.is_file():
        return path
    name, _, split = source.removeprefix(HUB_PREFIX).partition(":")
    try:
        if (Path(name) / "state.json").is_file() or (Path(name) / "dataset_dict.json").is_file():
            loaded = datasets.load_from_disk(name)
            data = loaded[split or "train"] if isinstance(loaded, datasets.DatasetDict) else loaded
        else:
            data = datasets.load_dataset(name, split=split or "train")
        for column, feature in data.features.items():
            if type(feature).__name__ in ("Image", "Video"):
                data = data.cast_column(column, type(feature)(decode=False))
        with atomic_path(path) as partial:
            data.to_parquet(str(partial))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"cannot load {source}: {error}. Write hf:NAME or hf:NAME:SPLIT.") from error
    return path
