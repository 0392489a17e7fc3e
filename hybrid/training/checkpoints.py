"""Checkpoints that are written whole and loaded without unpickling anything but tensors.

A checkpoint is a file of ``torch.save``, a zip archive, whose comment is a checksum of the rest of
it: ``torch.load(path, weights_only=True)`` reads it as any other, and looks at no checksum.
"""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from typing import IO, Any, cast

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from ...circuits.common.files import whole_file


class SafeCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints here.

    A kill while one is written leaves the one before. A file that holds anything but tensors and
    plain data is refused before any of its code could run.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Writes a checkpoint; the file is whole or not there."""
        with whole_file(path) as file:
            signed = _Signed(file)
            torch.save(checkpoint, cast("IO[bytes]", signed))  # it only writes
            signed.finish()

    def load_checkpoint(self, path: Any, map_location: Any = None, *_: Any, **__: Any) -> Any:
        """Reads a file of tensors and plain data, whatever else Lightning asks for."""
        return _load(path, map_location)


def load_checkpoint(path: str | os.PathLike[str], map_location: Any = "cpu") -> dict[str, Any]:
    """Reads a checkpoint of a training run.

    Args:
        path: the file.
        map_location: where its tensors go.

    Returns:
        What it holds; ``["state_dict"]`` are the weights.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds more than tensors and plain data.
    """
    loaded = _load(path, map_location)
    if not isinstance(loaded, dict) or "state_dict" not in loaded:
        raise ValueError(f"{os.fspath(path)} is no checkpoint: it has no state_dict.")
    return loaded


class _Signed:
    """Hashes what is written to a file, and ends the zip archive in it with the checksum.

    Args:
        file: where it goes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, hashlib.sha256()
        self._held = b""

    def write(self, data: Any) -> int:
        """Writes all but the last bytes, which hold the length of the archive's comment."""
        whole = self._held + bytes(data)
        self._file.write(whole[: -len(_NO_COMMENT)])
        self._hash.update(whole[: -len(_NO_COMMENT)])
        self._held = whole[-len(_NO_COMMENT) :]
        return len(data)

    def flush(self) -> None:
        """Passes on what can be."""
        self._file.flush()

    def finish(self) -> None:
        """Writes the comment."""
        if self._held != _NO_COMMENT:
            raise RuntimeError("torch.save wrote no zip archive without a comment.")
        self._file.write(_comment(self._hash.hexdigest()))


_MAGIC = b"qhopfield checkpoint, sha256 "
_NO_COMMENT = b"\0\0"
_LENGTH = len(_MAGIC) + 64


def _comment(digest: str) -> bytes:
    """The end of a zip archive: the length of its comment, and the comment."""
    return _LENGTH.to_bytes(2, "little") + _MAGIC + digest.encode("ascii")


def _check(path: str | os.PathLike[str]) -> None:
    """Refuses a file that is not as it was written; warns of one that nothing vouches for."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        digest, left = hashlib.sha256(), max(0, size - _LENGTH - 2)
        while left and (data := file.read(min(left, 1 << 20))):
            digest.update(data)
            left -= len(data)
        end = file.read()
    if end == _comment(digest.hexdigest()):
        return
    # Two marks, of which no single flip takes both away.
    if b"qhopfield" in end or b"sha256" in end:
        raise ValueError(
            f"{os.fspath(path)} is a damaged checkpoint: its checksum is that of another file."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except Exception as error:  # what damaged archives raise has no common class
        raise ValueError(f"{os.fspath(path)} is no checkpoint, or is damaged: {error}") from error
    if broken is None and not end.endswith(_NO_COMMENT):
        broken = "the end"  # of a comment that was cut off
    if broken is not None:
        raise ValueError(f"{os.fspath(path)} is a damaged checkpoint: {broken} in it is broken.")
    warnings.warn(
        f"{os.fspath(path)} has no checksum of the whole file: an older qhopfield or another "
        "program wrote it. Its parts agree with the checksums of the zip format, which do not "
        "cover everything. The next checkpoint of a run that goes on from it has one.",
        stacklevel=4,
    )


def _load(path: str | os.PathLike[str], map_location: Any) -> Any:
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no checkpoint {os.fspath(path)}.")
    _check(path)
    try:
        with warnings.catch_warnings():
            # Of a file that is no checkpoint at all; it is refused in the end.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            return torch.load(path, map_location=map_location, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # what damaged files raise has no common class
        reason = (str(error).strip() or "it ends too early").splitlines()[0]
        raise ValueError(f"{os.fspath(path)} is no checkpoint, or is damaged: {reason}") from error
