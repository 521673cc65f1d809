"""Where things are on this machine: the data home, the cache and the app's own resources, frozen or not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APP_NAME = "mastra-desktop"


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths. Nothing here is created; `ops.lock.prepare_home` does that."""

    home: Path
    cache: Path  # may be emptied at any time
    resources: Path  # read-only, comes with the app

    @property
    def config(self) -> Path:
        return self.home / "config.toml"

    @property
    def database(self) -> Path:
        return self.home / "mastra.db"

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
