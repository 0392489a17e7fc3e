"""Arrays with a header in one file, and strict JSON; whole files, and nothing is ever unpickled."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import whole_file


def write_archive(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    header: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
) -> None:
    """Writes arrays and a header into an ``.npz`` file that :func:`read_archive` reads back.

    Args:
        path: a name that ends in ``.npz``; a file of that name is replaced.
        kind: what is in it.
        version: of the layout of this kind.
        header: anything that JSON holds.
        arrays: of numbers or bools; none may be called ``"header"``.

    Raises:
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: ``path`` is a folder.
        ValueError: ``path`` does not end in ``.npz``.
    """
    target = Path(path)
    if target.suffix.lower() != ".npz":
        raise ValueError(f"{target.name} must end in .npz, got {target.suffix!r}.")
    text = json.dumps({"kind": kind, "version": version, **header})
    entries: dict[str, Any] = {"header": np.array(text), **arrays}
    with whole_file(target) as file:
        np.savez_compressed(file, **entries)


def read_archive(
    path: str | os.PathLike[str], kind: str, version: int
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Reads what :func:`write_archive` wrote.

    Args:
        path: the file.
        kind: what should be in it.
        version: of the layout that the caller understands.

    Returns:
        The header and the arrays.

    Raises:
        FileNotFoundError: there is no such file.
        IsADirectoryError: ``path`` is a folder.
        ValueError: the file is no such archive, or of another kind or version.
    """
    source = Path(path)
    with source.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise ValueError(f"{source.name} is no {kind}: it is no .npz file.")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: np.asarray(archive[name]) for name in archive.files}
            header = json.loads(str(arrays.pop("header")))
            found = header.pop("kind"), header.pop("version")
        except Exception as error:  # what damaged archives raise has no common class
            raise ValueError(f"{source.name} is no {kind}, or is damaged: {error}") from error
    if found[0] != kind:
        raise ValueError(f"{source.name} is no {kind}, but a {found[0]}.")
    if found[1] != version:
        raise ValueError(
            f"{source.name} is a {kind} of version {found[1]}; this qhopfield reads {version}."
        )
    return header, arrays


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Writes strict JSON; numbers that are not finite become ``null``, arrays become lists.

    Raises:
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: ``path`` is a folder.
    """
    text = json.dumps(_plain(content), allow_nan=False, ensure_ascii=False)
    with whole_file(path) as file:
        file.write(text.encode("utf-8") + b"\n")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
