"""What a driver's error means for the person. The one place that reads SQLite's and PostgreSQL's codes."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, PendingRollbackError

from mastra_desktop.domain.errors import DatabaseDamaged, MastraError, StorageError

_NO_ROOM_BYTES = 1 << 20  # an I/O error with less left than this is a full disk
_FREE_SPACE = "Free some space; nothing that was saved is lost."
_ENDED = ("The database server is restarting.", "It is tried anew by itself.", True)
_BUSY = ("The database server is busy: a change waited too long.", "Try again in a moment.", True)
_REFUSALS = (
    (("FATAL:", 'database "', "does not exist"), "3D000"),
    (("FATAL:", 'role "', "does not exist"), "28000"),
    (("FATAL:", "password authentication failed"), "28P01"),
    (("no password supplied",), "28P01"),
    (("FATAL:", "no pg_hba.conf entry"), "28000"),
    (("FATAL:", "too many clients"), "53300"),
    (("FATAL:", "starting up"), "57P03"),
    (("FATAL:", "shutting down"), "57P03"),
    (("FATAL:", "recovery mode"), "57P03"),
)
# PostgreSQL's codes, or what they begin with: message, hint, whether trying again may help.
_SERVER_TROUBLE = {
    "55P03": _BUSY,
    "57014": _BUSY,
    "40": _BUSY,
    "25P03": _BUSY,
    "57P": _ENDED,
    "08": _ENDED,
    "53100": ("The disk of the database server is full.", "Free some space there.", True),
    "53": ("The database server has no room for more.", "Raise max_connections there, or wait.", True),
    "28": ("The database server refused the name or password.", "Check database.url.", False),
    "3D000": ("The database does not exist on the server.", "Make it with createdb, then try again.", False),
    "42501": (
        "The database server does not allow this.",
        "The user in database.url needs to own the database.",
        False,
    ),
    "25006": ("The database server allows reading only.", "Use the primary server in database.url.", False),
    "XX00": ("The database on the server is damaged.", "Restore it from a backup on the server.", False),
}


@contextmanager
def translated(path: Path | None, backups: Path | None = None) -> Iterator[None]:
    """Raises a `StorageError` in place of a driver's error that is no bug of ours."""
    try:
        yield
    except Exception as error:
        meant = translate(error, path, backups) if is_a_drivers(error) else None
        if meant is None:
            raise
        raise meant from error


def translate(error: Exception, path: Path | None, backups: Path | None = None) -> MastraError | None:
    """The `StorageError` that `error` stands for; None when it is a bug (a constraint, wrong SQL)."""
    if isinstance(error, PendingRollbackError):  # an earlier statement of the same function lost the server
        return _server_away(str(error))
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        return _for_os_error(cause, path)
    if not isinstance(cause, sqlite3.Error):
        return _for_server(cause)
    name = getattr(cause, "sqlite_errorname", None) or ""
    detail = f"{name} {cause}".strip()
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return damaged(path, backups, detail)
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and _free_bytes(path) < _NO_ROOM_BYTES):
        return _disk_full(path, detail)
    if name.startswith("SQLITE_READONLY"):
        return StorageError(
            "The database cannot be written.",
            hint=f"Check the permissions of {path} and its folder.",
            detail=detail,
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return StorageError(
            "The database cannot be opened.",
            hint=f"Check that {path} and its folder exist and may be written.",
            detail=detail,
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StorageError(
            "Another program keeps the database busy.",
            hint="Close the program that has it open, then try again.",
            detail=detail,
            retryable=True,
        )
    if name.startswith("SQLITE_IOERR"):
        return StorageError(
            "The disk failed while the database was used.",
            hint=f"Check the disk that holds {path}.",
            detail=detail,
            retryable=True,
        )
    return None


def damaged(path: Path | None, backups: Path | None, detail: str) -> DatabaseDamaged:
    """The error for a file that is no readable database, with the newest backup in its hint."""
    copies = sorted(backups.glob("*.db"), key=lambda p: p.stat().st_mtime) if backups else []
    way = f"The newest backup is {copies[-1]}." if copies else "There is no backup."
    return DatabaseDamaged(
        "The database is damaged and cannot be read.",
        hint=f"The file is {path}. {way}",
        detail=detail,
    )


def is_a_drivers(error: Exception) -> bool:
    """Whether a database's driver, or the disk, raised it."""
    # By its name: psycopg is only imported where a server is used.
    known = DBAPIError | sqlite3.Error | OSError | PendingRollbackError
    return isinstance(error, known) or _is_psycopgs(error)


def _is_psycopgs(error: BaseException | None) -> bool:
    return type(error).__module__.partition(".")[0] == "psycopg"


def _for_server(cause: BaseException | None) -> StorageError | None:
    if not _is_psycopgs(cause):
        return None
    code = getattr(cause, "sqlstate", None) or _code_said(str(cause))
    detail = f"{code} {type(cause).__name__}: {cause}".strip().partition("\n")[0]
    for beginning, (message, hint, retryable) in _SERVER_TROUBLE.items():
        if code.startswith(beginning):
            return StorageError(message, hint=hint, detail=detail, retryable=retryable)
    # Without a code: the connection itself. Any other code is a bug, as a broken constraint is.
    if code or type(cause).__name__ in ("ProgrammingError", "DataError", "NotSupportedError"):
        return None
    return _server_away(detail)


def _server_away(detail: str) -> StorageError:
    return StorageError(
        "The database server cannot be reached.",
        hint="Check database.url and whether the server runs. It is tried anew by itself.",
        detail=detail,
        retryable=True,
    )


def _code_said(text: str) -> str:
    """The code of a connection that was refused: psycopg tells the server's words only. "" where unknown."""
    return next((code for said, code in _REFUSALS if all(word in text for word in said)), "")


def _for_os_error(error: OSError, path: Path | None) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(path, str(error))
    return StorageError(
        "A file beside the database cannot be used.",
        hint=f"Check the permissions of {error.filename or path}.",
        detail=str(error),
    )


def _disk_full(path: Path | None, detail: str) -> StorageError:
    return StorageError(
        f"The disk is full: {_free_bytes(path) // 1_000_000:,} MB left.",
        hint=_FREE_SPACE,
        detail=detail,
        retryable=True,
    )


def _free_bytes(path: Path | None) -> int:
    try:
        return shutil.disk_usage(path.parent).free if path else 1 << 62
    except OSError:
        return 1 << 62
