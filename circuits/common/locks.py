"""One writer at a time for files that a run goes on from."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Of a folder that cannot be written: whoever opens it only reads, and needs no lock.
_ONLY_READ = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def one_writer(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keeps others from writing a file or a folder until the block ends.

    The lock is the system's, on a file beside the one that is written (in it, for a folder): it is
    gone when the process ends in any way, SIGKILL included, and does not follow a rename. Where
    nothing can be written there is no lock.

    Args:
        path: the file, which need not exist, or the folder. Another name of it, by a link, is the
            same.

    Raises:
        BlockingIOError: another process, or another run of this one, writes it.
        FileNotFoundError: the folder does not exist.
    """
    target = Path(os.path.realpath(path))
    beside = (
        target / ".writer.lock" if target.is_dir() else target.with_name(f".{target.name}.lock")
    )
    try:
        handle = _locked(beside, target)
    except OSError as error:
        if error.errno not in _ONLY_READ:
            raise
        yield
        return
    try:
        yield
    finally:
        # Removed while it is held: who opens it later makes a new one, and who waits for this one
        # sees that it is gone.
        with suppress(OSError):
            beside.unlink()
        os.close(handle)


def _locked(beside: Path, target: Path) -> int:
    """Opens and locks the file of a lock; the system unlocks it when it is closed."""
    while True:
        handle = os.open(beside, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            _lock(handle)
            there = os.stat(beside) if beside.exists() else None
            if there is not None and os.path.samestat(os.fstat(handle), there):
                os.truncate(handle, 0)
                os.write(handle, f"{os.getpid()}\n".encode())
                return handle
        except BlockingIOError:
            who = ""
            with suppress(OSError):  # Windows keeps others from reading it
                who = os.read(handle, 20).decode("ascii", "replace").strip()
            os.close(handle)
            process = f"process {who}" if who.isdigit() else "another process"
            raise BlockingIOError(
                f"{target} is being written by {process}, which runs or resumes the same thing. "
                "Wait for it, or give another name."
            ) from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its owner removed it in between


if sys.platform == "win32":  # pragma: no cover

    def _lock(handle: int) -> None:
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(str(error)) from error

else:

    def _lock(handle: int) -> None:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
