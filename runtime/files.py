"""Files written whole or not at all, and read with errors that a user can act on."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator

from sey.binary.errors import Problem, SeyError
from sey.runtime.file_errors import CannotRead, CannotWrite, NoSpace

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BLOCK = 1 << 24

_unfinished: set[str] = set()


def read_whole(path: str) -> bytes:
    """The contents of a regular file. Raises SeyError (CannotRead)."""
    try:
        # Opening a pipe would wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise SeyError(CannotRead(path, _reason(error))) from None
    try:
        with os.fdopen(fd, "rb") as file:
            mode = os.fstat(fd).st_mode
            if not stat.S_ISREG(mode):
                raise SeyError(CannotRead(path, f"it is {_kind(mode)}"))
            return file.read()
    except OSError as error:
        raise SeyError(CannotRead(path, _reason(error))) from None


def write_whole(path: str, parts: Iterable[bytes | memoryview], *, durable: bool = True) -> None:
    """Put `parts` into the file `path`, mode 0600: all of them or, whatever happens, nothing.

    Raises SeyError (CannotWrite, NoSpace). With `durable` the file survives a power cut once this returns.
    """
    pieces = list(parts)
    size = sum(len(piece) for piece in pieces)
    target = writable_target(path)
    temporary = _temporary(target)
    try:
        fd, named = _open_unnamed(temporary)
        try:
            _write(fd, pieces)
            if durable:
                os.fsync(fd)
            if not named:
                # With a folder to start from, Python calls linkat(2), which can follow the link to the file.
                os.link(f"/proc/self/fd/{fd}", temporary, src_dir_fd=fd, follow_symlinks=True)
        finally:
            os.close(fd)
        os.replace(temporary, target)
    except OSError as error:
        raise SeyError(refusal(path, error, size)) from None
    finally:
        _remove(temporary)
    if durable:
        _sync_folder(target)


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """The name of a file that others write, in the folder of `path`; renamed to it (mode 0600) at the end of the block.

    If the block raises, nothing is left. Raises SeyError (CannotWrite, NoSpace), also for OSErrors of the block.
    """
    target = writable_target(path)
    temporary = _temporary(target)
    _unfinished.add(temporary)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        os.unlink(temporary)
        yield temporary
        os.chmod(temporary, 0o600)
        fd = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, target)
    except OSError as error:
        raise SeyError(refusal(path, error, 0)) from None
    finally:
        _remove(temporary)
        _unfinished.discard(temporary)


def remove_unfinished() -> None:
    """Remove what blocks of `replacing` wrote so far: for a program that is about to leave from within them.

    What writes such a file may put others beside it whose names begin alike (DuckDB's write-ahead log): they go too.
    """
    for temporary in list(_unfinished):
        with contextlib.suppress(OSError):
            folder, start = os.path.split(temporary)
            for name in os.listdir(folder):
                if name.startswith(start):
                    _remove(os.path.join(folder, name))


def writable_target(path: str) -> str:
    """The file that `path` stands for, links followed. Raises SeyError where it can't be one (a folder, a device)."""
    target = os.path.realpath(path)
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        if path.endswith("/"):
            raise SeyError(CannotWrite(path, "it names a folder")) from None
        return target
    except (OSError, ValueError) as error:
        raise SeyError(CannotWrite(path, _reason(error))) from None
    if not stat.S_ISREG(mode):
        raise SeyError(CannotWrite(path, f"it is {_kind(mode)}"))
    return target


def _open_unnamed(temporary: str) -> tuple[int, bool]:
    """A file without a name where the file system has such (it leaves nothing even if we are killed), else a named."""
    if os.path.exists("/proc/self/fd") and hasattr(os, "O_TMPFILE"):
        with contextlib.suppress(OSError):
            return os.open(os.path.dirname(temporary), os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600), False
    return os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), True


def _write(fd: int, pieces: list[bytes | memoryview]) -> None:
    for piece in pieces:
        view = memoryview(piece).cast("B")
        at = 0
        while at < len(view):
            at += os.write(fd, view[at : at + _BLOCK])


def _temporary(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name[:100]}.{secrets.token_hex(6)}.tmp")


def _remove(temporary: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(temporary)


def _sync_folder(target: str) -> None:
    # Some file systems can't sync a folder; the file itself is safe by then.
    with contextlib.suppress(OSError):
        fd = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def refusal(path: str, error: OSError, size: int) -> Problem:
    """What to say of an error of the system that kept `size` bytes from being written to `path`."""
    if error.errno in _NO_SPACE:
        return NoSpace(path, size)
    return CannotWrite(path, _reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error)


def _kind(mode: int) -> str:
    tests = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for test, name in tests if test(mode)), "a device")
