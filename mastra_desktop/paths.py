"""Where things are on this machine: the data home, the cache and the app's own resources, frozen or not."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mastra_desktop.domain.errors import StorageError

APP_NAME = "mastra-desktop"


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths. Finding them creates nothing; `prepare_home` does."""

    home: Path
    cache: Path  # may be emptied at any time
    resources: Path  # read-only, comes with the app

    @property
    def config(self) -> Path:
        return self.home / "config.toml"

    @property
    def prices(self) -> Path:
        return self.home / "prices.toml"

    @property
    def database(self) -> Path:
        return self.home / "mastra.db"

    @property
    def is_used(self) -> bool:
        """Whether there is a database already: here, or on a server, where `place` is this home's name."""
        return self.database.exists() or (self.home / "place").exists()

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def backups(self) -> Path:
        return self.home / "backups"

    @property
    def models(self) -> Path:
        return self.home / "models"


def find_paths(environ: Mapping[str, str]) -> Paths:
    """The paths for this run: the data home is `$MASTRA_HOME`, else the platform's user data folder."""
    chosen = environ.get("MASTRA_HOME", "")
    home = Path(chosen).expanduser() if chosen else _platform_folder("user_data_dir")
    return Paths(
        home=home.absolute(),
        cache=_platform_folder("user_cache_dir").absolute(),
        resources=_resources(),
    )


def _platform_folder(kind: str) -> Path:
    import platformdirs

    folder: str = getattr(platformdirs, kind)(APP_NAME, appauthor=False)
    return Path(folder)


def _resources() -> Path:
    unpacked = getattr(sys, "_MEIPASS", None)  # set by PyInstaller in the frozen app
    root = Path(unpacked) if unpacked else Path(__file__).resolve().parent.parent
    return root / "resources"


def prepare_home(paths: Paths) -> None:
    """Creates the data home and its folders, open to this user only.

    Raises StorageError, with the way out, when they cannot be made or written to.
    """
    for folder in (paths.home, paths.logs, paths.backups, paths.models):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError as error:
            raise StorageError(
                f"{folder} is a file, but the data folder must be there.",
                hint="Move the file away, or set MASTRA_HOME to another folder.",
                detail=str(error),
            ) from error
        except OSError as error:
            raise _unusable(folder, error) from error
    probe = paths.home / f".write-test-{os.getpid()}"
    try:
        probe.write_bytes(b"1")
        probe.unlink()
    except OSError as error:
        raise _unusable(paths.home, error) from error


def _unusable(folder: Path, error: OSError) -> StorageError:
    full = error.errno == errno.ENOSPC
    return StorageError(
        f"The data folder {folder} cannot be written to: {error.strerror or error}.",
        hint="Free some space on that disk."
        if full
        else "Check its permissions, or set MASTRA_HOME to another folder.",
        detail=str(error),
    )
