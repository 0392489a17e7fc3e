"""Arrays with a header in one file, and strict JSON; whole files, and nothing is ever unpickled."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
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
    path: str | os.PathLike[str], kind: str, version: int, names: Collection[str]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Reads what :func:`write_archive` wrote.

    Args:
        path: the file.
        kind: what should be in it.
        version: of the layout that the caller understands.
        names: the arrays to read; what else is in the file is left there.

    Returns:
        The header and the arrays.

    Raises:
        FileNotFoundError: there is no such file.
        IsADirectoryError: ``path`` is a folder.
        ValueError: the file is no such archive, of another kind or version, or inflates to more
            than its size and this machine's memory allow for.
    """
    source = Path(path)
    with source.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise ValueError(f"{source.name} is no {kind}: it is no .npz file.")
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                if len(set(archive.namelist())) < len(archive.namelist()):
                    raise ValueError("an array is in it twice")
                header = json.loads(str(_read(archive, "header", _HEADER_BYTES)))
                found = header.pop("kind"), header.pop("version")
                arrays = {}
                if found == (kind, version):
                    there = [name for name in names if f"{name}.npy" in archive.namelist()]
                    _refuse_bomb(archive, there, os.fstat(file.fileno()).st_size)
                    arrays = {name: _read(archive, name) for name in there}
        except Exception as error:  # what damaged archives raise has no common class
            raise ValueError(f"{source.name} is no {kind}, or is damaged: {error}") from error
    if found[0] != kind:
        raise ValueError(f"{source.name} is no {kind}, but a {found[0]}.")
    if found[1] != version:
        raise ValueError(
            f"{source.name} is a {kind} of version {found[1]}; this qhopfield reads {version}."
        )
    return header, arrays


# A header is text of a few hundred characters a submodule.
_HEADER_BYTES = 64 << 20
# Arrays may inflate to so much whatever the file's size; beyond it, not more than so many fold
# (deflate makes up to 1,032 fold of nothing but zeros), nor beyond the memory that is free.
_FREE_BYTES, _FOLD = 256 << 20, 200


def _refuse_bomb(archive: zipfile.ZipFile, names: list[str], packed: int) -> None:
    """Refuses arrays whose size no result of such a file has, before anything is inflated."""
    total = sum(archive.getinfo(f"{name}.npy").file_size for name in names)
    if total > _FREE_BYTES and (
        total > _FOLD * packed or total > psutil.virtual_memory().available
    ):
        raise ValueError(
            f"its {packed:,} bytes inflate to {total:,}, more than {_FOLD} times its size or than "
            "the memory that is free"
        )


def _read(archive: zipfile.ZipFile, name: str, limit: int | None = None) -> NDArray[Any]:
    """One array, whose size is what its own header and the archive say."""
    entry = archive.getinfo(f"{name}.npy")
    if limit is not None and entry.file_size > limit:
        raise ValueError(f"{name} has {entry.file_size:,} bytes, at most {limit:,} were expected")
    with archive.open(entry) as file:
        major = np.lib.format.read_magic(file)[0]
        read = (
            np.lib.format.read_array_header_1_0
            if major == 1
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{name} holds objects")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size != entry.file_size - file.tell():
            raise ValueError(f"{name} has not the size that its shape {shape} takes")
    with archive.open(entry) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):  # the end of the file is where the checksum is looked at
            raise ValueError(f"{name} goes on behind its end")
    return array


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
