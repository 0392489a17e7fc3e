"""Files that are written whole or not at all."""

from __future__ import annotations

import io
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

STANDARD_OUTPUT = "-"
"""The path that means standard output."""

# Names of the process's own open files: /dev/fd/1, and what /dev/stdout is a link to.
_OPEN_FILE = re.compile(r"/(?:dev|proc/(?:self|thread-self|\d+))/fd/(\d+)")
# As many links in a row as Linux follows.
_MOST_LINKS = 40


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a binary file that gets its content only when the block ends without an error.

    - A regular file is replaced in one step: the bytes go to a temporary neighbour, are flushed to
      disk and renamed over it. An error or a kill leaves what stood there before.
    - A symbolic link stays: the file that it points to is replaced, or made where there is none.
      A hard link is parted from its other names, which keep the old content.
    - A file that is there keeps its mode, and its owner where the system allows it.
    - What is no regular file (a pipe, a device, ``/dev/stdout``) is written to as it is, all at
      once; ``-`` is standard output.

    Raises:
        FileNotFoundError: the folder of ``path`` does not exist.
        IsADirectoryError: ``path`` is a folder.
        OSError: the file or its folder cannot be written.
    """
    special = _special(path)
    if special is not None:
        buffer = io.BytesIO()
        yield buffer
        special(buffer.getvalue())
        return
    target = _regular_target(path)
    handle, temporary = _neighbour(target)
    try:
        with os.fdopen(handle, "wb") as file:
            _keep_rights(target, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuses a path that :func:`whole_file` could not write, before the work that would fill it.

    Raises:
        FileNotFoundError: the folder of ``path`` does not exist.
        IsADirectoryError: ``path`` is a folder.
        OSError: the file or its folder cannot be written.
    """
    if _special(path) is not None:
        if os.fspath(path) != STANDARD_OUTPUT and not os.access(path, os.W_OK):
            raise PermissionError(f"{os.fspath(path)} cannot be written.")
        return
    handle, temporary = _neighbour(_regular_target(path))
    os.close(handle)
    os.unlink(temporary)


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether a path is standard output, a pipe or a device, which nothing can be read back from.

    Raises:
        TypeError: ``path`` is no file name.
    """
    return _special(path) is not None


def is_standard_output(path: str | os.PathLike[str]) -> bool:
    """Whether a path means standard output: ``-``, or a name of the process's first open file."""
    name = os.fspath(path)
    return name == STANDARD_OUTPUT or (os.name == "posix" and _descriptor(name) == 1)


class _Writer:
    """Writes bytes to what is no regular file."""

    def __init__(self, path: str, descriptor: int | None) -> None:
        self.path, self.descriptor = path, descriptor

    def __call__(self, content: bytes) -> None:
        if self.descriptor == 1:
            _to_standard_output(content)
        elif self.descriptor is not None:
            # The open file itself, not a second one that would begin at its start.
            with os.fdopen(os.dup(self.descriptor), "wb") as file:
                file.write(content)
        else:
            # Without O_CREAT: a device that has gone meanwhile must not become a file.
            with os.fdopen(os.open(self.path, os.O_WRONLY), "wb") as file:
                file.write(content)


def _to_standard_output(content: bytes) -> None:
    """Writes bytes behind the text that was printed before them."""
    sys.stdout.flush()
    binary = getattr(sys.stdout, "buffer", None)
    if binary is not None:
        binary.write(content)
        binary.flush()
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise OSError(
            "This standard output takes text only, and the content is binary: give a file name."
        ) from None
    sys.stdout.write(text)


def _special(path: str | os.PathLike[str]) -> _Writer | None:
    """What writes to a path that is no regular file, or None where it is one or is to be one."""
    name = os.fspath(path)
    if isinstance(name, bytes) or not name:
        raise TypeError(f"path must be a file name, got {path!r}.")
    if name == STANDARD_OUTPUT:
        return _Writer(name, 1)
    descriptor = _descriptor(name) if os.name == "posix" else None
    if descriptor is not None:
        return _Writer(name, descriptor)
    try:
        mode = os.stat(name).st_mode
    except FileNotFoundError:
        return None
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else _Writer(name, None)


def _descriptor(name: str) -> int | None:
    """Which open file of this process a path names, through links, or None."""
    current = os.path.abspath(name)
    for _ in range(_MOST_LINKS):
        found = _OPEN_FILE.fullmatch(current)
        if found is not None:
            process = re.match(r"/proc/(\d+)/", current)
            own = process is None or int(process[1]) == os.getpid()
            return int(found[1]) if own else None
        if not os.path.islink(current):
            return None
        current = os.path.normpath(os.path.join(os.path.dirname(current), os.readlink(current)))
    return None


def _regular_target(path: str | os.PathLike[str]) -> Path:
    """The regular file behind a path, through links; it need not exist."""
    shown = os.fspath(path)
    if os.path.isdir(shown):
        raise IsADirectoryError(f"{shown} is a folder; a file name was expected.")
    parent = Path(shown).parent
    if not parent.is_dir():
        raise FileNotFoundError(f"The folder {parent} does not exist.")
    target = Path(os.path.realpath(shown))
    if not target.parent.is_dir():  # that of a link's target
        raise FileNotFoundError(f"The folder {target.parent} does not exist.")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{shown} is read-only; give another name, or allow writing to it.")
    return target


def _neighbour(target: Path) -> tuple[int, str]:
    """Opens a new file beside ``target``, with the rights that a plain ``open`` would give."""
    # A file that is there may be private, and so must its successor be from the start.
    mode = 0o600 if target.exists() else 0o666
    while True:
        # A name is at most 255 bytes long.
        name = f".{target.name[:50]}.{secrets.token_hex(8)}"
        temporary = str(target.parent / name)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            return os.open(temporary, flags, mode), temporary
        except FileExistsError:
            continue
        except OSError as error:
            raise OSError(
                error.errno, f"The folder {target.parent} cannot be written: {error.strerror}"
            ) from error


def _keep_rights(target: Path, temporary: str) -> None:
    """Gives a new file the owner and the mode of the one that it replaces."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    new = os.stat(temporary)
    if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(PermissionError):  # only root may give files away
            os.chown(temporary, old.st_uid, old.st_gid)
    os.chmod(temporary, stat.S_IMODE(old.st_mode))
