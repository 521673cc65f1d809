"""Whose work is in the built app: one text with every part's name, version, licence and licence text.

Written for exactly the parts that PyInstaller collected; `installer.spec` calls `write_notices`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "packaging" / "licenses"
LICENCE_FILES = ("licen", "copying", "notice", "copyright")
RULE = "=" * 100
DEBIAN_DOCS = Path("/usr/share/doc")

QT = """Qt {version} and Qt for Python (PySide6, Shiboken) {version} are used under the GNU Lesser General
Public License, version 3 (LGPL-3.0.txt, which adds to GPL-3.0.txt), unmodified, as the Qt Project builds and
publishes them. They lie as separate shared libraries in PySide6/ and shiboken6/ of this folder: anyone may
replace them with their own build of a compatible version, and may take the app apart to debug such a change.
The Qt Project publishes the source code of this version, and lists the third-party parts of Qt in its
documentation under "Licenses Used in Qt"."""

MODEL = """Qwen2.5-Coder-0.5B-Instruct, in the GGUF format, comes with the full flavour of this app as the
built-in model. Copyright Alibaba Cloud. Licensed under the Apache License, version 2.0 (Apache-2.0.txt);
quantised, otherwise unchanged."""

BOOTLOADER = """The program file starts with the bootloader of PyInstaller, which is under the GPL, version 2
or later, with an exception that allows every use of it in programs under other licences."""


def write_notices(into: Path, modules: Iterable[str], libraries: Iterable[Path]) -> None:
    """Writes the notices for Python `modules` and for shared `libraries` of the system into folder `into`."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(TEXTS, into)
    shutil.copy(ROOT / "LICENSE", into / "Apache-2.0.txt")
    distributions = _distributions(modules)
    parts = [_section("Qt and Qt for Python", QT.format(version=metadata.version("PySide6_Essentials")))]
    parts += [_section("Qwen2.5-Coder-0.5B-Instruct", MODEL), _section("PyInstaller", BOOTLOADER)]
    parts += [_section(f"Python {sys.version.split()[0]}", _python_licence())]
    for font in sorted((ROOT / "resources" / "fonts").glob("*-OFL.txt")):
        parts.append(_section(f"Font {font.name.removesuffix('-OFL.txt')}", font.read_text(encoding="utf-8")))
    icons = (ROOT / "resources" / "icons" / "LICENSE").read_text(encoding="utf-8")
    parts.append(_section("Lucide icons", icons))
    embedders = (ROOT / "resources" / "embedders" / "NOTICE").read_text(encoding="utf-8")
    parts.append(_section("Embedders", embedders))
    parts += [_distribution(found) for found in distributions]
    parts += [_section(name, text) for name, text in _system_parts(libraries)]
    head = "Mastra Desktop contains the work of others, with thanks. Each part and its licence:\n\n"
    (into / "THIRD-PARTY-NOTICES.txt").write_text(head + "\n".join(parts), encoding="utf-8")


def _section(title: str, text: str) -> str:
    return f"{RULE}\n{title}\n{RULE}\n\n{text.strip()}\n"


def _distributions(modules: Iterable[str]) -> list[metadata.Distribution]:
    """The installed distributions that `modules` (top-level names) come from, by name; not this app."""
    owners = metadata.packages_distributions()
    names = {owner for module in modules for owner in owners.get(module, ())}
    found = {name.lower(): metadata.distribution(name) for name in names if name != "mastra-desktop"}
    return [found[name] for name in sorted(found)]


def _distribution(found: metadata.Distribution) -> str:
    info = found.metadata
    classifiers = [c.rpartition(" :: ")[2] for c in info.get_all("Classifier") or () if c.startswith("Licen")]
    licence = info["License-Expression"] or (info["License"] or "").partition("\n")[0]
    lines = [f"Licence: {licence or ', '.join(classifiers) or 'see below'}"]
    if home := info["Home-page"] or info["Project-URL"]:
        lines.append(f"Home: {home}")
    for file in found.files or ():
        if ".dist-info" in str(file) and any(word in file.name.lower() for word in LICENCE_FILES):
            text = Path(str(found.locate_file(file))).read_text(encoding="utf-8", errors="replace")
            lines += ["", f"--- {file.name}", "", text.strip()]
    return _section(f"{info['Name']} {found.version}", "\n".join(lines))


def _python_licence() -> str:
    for place in (Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt"):
        if place.is_file():
            return place.read_text(encoding="utf-8")
    return "Python Software Foundation License, version 2."


def _system_parts(libraries: Iterable[Path]) -> list[tuple[str, str]]:
    """(package and version, its copyright file) of the system's libraries, where dpkg knows them."""
    if shutil.which("dpkg-query") is None:
        return []
    places = {str(spelled) for library in libraries for spelled in _spellings(library)}
    done = subprocess.run(
        ["dpkg-query", "-S", *sorted(places)], capture_output=True, text=True, check=False
    )  # 1: some spellings are unknown to it
    packages = {line.rpartition(": ")[0] for line in done.stdout.splitlines() if ": " in line}
    parts = []
    for package in sorted(packages):
        version = subprocess.run(
            ["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False
        ).stdout
        name = package.partition(":")[0]
        text = DEBIAN_DOCS / name / "copyright"
        if text.is_file():
            parts.append((f"{name} {version} (library of Debian)", text.read_text(errors="replace")))
    return parts


def _spellings(library: Path) -> list[Path]:
    """As it is named and as it really is, each with and without /usr: dpkg knows one of them."""
    spelled = []
    for path in {library, library.resolve()}:
        spelled += [path, Path("/usr") / path.relative_to("/")]
        if path.is_relative_to("/usr"):
            spelled.append(Path("/") / path.relative_to("/usr"))
    return spelled
