"""Builds the app into `dist/` and tries it: `python packaging/package.py [--slim-only] [--no-archive]`.

Two flavours out of one build. Slim asks for a model file or a server at its first start; it is packed into
`dist/mastra-desktop-VERSION-SYSTEM-slim.tar.zst`. Full holds the built-in model too and works at once without
a network; it stays as the folder `dist/mastra-desktop/`. Each is tried by `frozen_smoke.py` when it is made.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import fetch_model
from platformdirs import user_cache_path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from mastra_desktop import __version__  # noqa: E402 - the checkout's own

APP = ROOT / "dist" / "mastra-desktop"
MODELS = APP / "_internal" / "resources" / "models"
LOG = ROOT / "build" / "package" / "pyinstaller.log"
LOG_LINES_SHOWN = 30
ZSTD_LEVEL = 10  # 19 takes ten times as long for 8 % less


class PackageError(Exception):
    """Why there is no package now, with the way forward."""


def build() -> None:
    """The app without a model in `dist/mastra-desktop/`. Raises PackageError."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(APP.parent), "--workpath", str(ROOT / "build" / "pyinstaller")]
    with LOG.open("wb") as log:
        done = subprocess.run([*command, "installer.spec"], cwd=ROOT, check=False, stdout=log, stderr=log)
    if done.returncode:
        end = LOG.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        raise PackageError("\n".join([*end, f"PyInstaller failed; all it said is in {LOG}."]))


def add_model() -> Path:
    """Puts the built-in model into the app: a hard link to the cached file, or a copy. Raises FetchError."""
    wanted = fetch_model.read_manifest(fetch_model.MANIFEST, "default")
    cached = fetch_model.fetch(wanted, user_cache_path("mastra-desktop", appauthor=False) / "models")
    MODELS.mkdir()
    target = MODELS / cached.name
    try:
        os.link(cached, target)
    except OSError:  # another disk
        shutil.copyfile(cached, target)
    return target


def archive() -> Path:
    """The folder as one compressed file that unpacks to `mastra-desktop/`. Raises PackageError."""
    zstd = shutil.which("zstd")
    if zstd is None:
        raise PackageError("zstd is not installed; install it, or leave the archive out with --no-archive.")
    system = f"{platform.system()}-{platform.machine()}".lower()
    target = APP.parent / f"mastra-desktop-{__version__}-{system}-slim.tar.zst"
    command = [zstd, "--quiet", "--force", "-T0", f"-{ZSTD_LEVEL}", "-o", str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as packer:
        with tarfile.open(fileobj=packer.stdin, mode="w|") as tar:
            tar.add(APP, APP.name, filter=_of_nobody)
        assert packer.stdin is not None
        packer.stdin.close()
    if packer.returncode:
        raise PackageError(f"zstd could not write {target}.")
    return target


def _of_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def size_mb(path: Path) -> int:
    """The size of a file, or of a folder's files, in MB (10^6 bytes); links to them count nothing."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return round(sum(f.stat().st_size for f in files if f.is_file() and not f.is_symlink()) / 1e6)


def smoke() -> bool:
    program = APP / ("mastra-desktop.exe" if sys.platform == "win32" else "mastra-desktop")
    command = [sys.executable, str(ROOT / "packaging" / "frozen_smoke.py"), str(program)]
    return subprocess.run(command, check=False).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the app and try it.")
    parser.add_argument("--slim-only", action="store_true", help="leave out the flavour with the model")
    parser.add_argument(
        "--no-archive", action="store_true", help="leave out the .tar.zst of the slim flavour"
    )
    parser.add_argument("--no-smoke", action="store_true", help="only build")
    options = parser.parse_args()
    sizes = []
    passed = True
    started = time.monotonic()
    try:
        build()
        print(f"Built in {time.monotonic() - started:.0f} s.", flush=True)
        sizes.append(f"slim {size_mb(APP)} MB")
        passed = options.no_smoke or smoke()
        if not options.no_archive:
            packed = archive()
            sizes.append(f"{packed.name} {size_mb(packed)} MB")
        if not options.slim_only:
            add_model()
            sizes.append(f"full {size_mb(APP)} MB")
            passed = (options.no_smoke or smoke()) and passed
    except (PackageError, fetch_model.FetchError) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    print(f"Sizes: {', '.join(sizes)}. All of it took {time.monotonic() - started:.0f} s.")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
