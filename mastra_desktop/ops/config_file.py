"""Edits `config.toml` for the person: comments and layout stay, and only a valid result is written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import NotFound, StorageError
from mastra_desktop.ops.config import check, read_text

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import AoT


def put_provider(file: Path, entry: Mapping[str, object]) -> None:
    """Adds the provider `entry`, or changes the one of the same id: keys it does not name stay.

    Raises ConfigError when the file is broken or the result would be, StorageError when it cannot be
    written. The file is then as it was.
    """

    def edit(document: TOMLDocument) -> None:
        import tomlkit

        providers = _providers(document)
        for existing in providers:
            if existing.get("id") == entry["id"]:
                existing.update(entry)
                return
        table = tomlkit.table()
        table.update(entry)
        providers.append(table)

    _edit(file, edit)


def remove_provider(file: Path, provider_id: str) -> None:
    """Takes a provider out. Raises NotFound without one, and as `put_provider`."""

    def edit(document: TOMLDocument) -> None:
        providers = _providers(document)
        for index, existing in enumerate(providers):
            if existing.get("id") == provider_id:
                del providers[index]
                if not len(providers):
                    del document["providers"]
                return
        raise NotFound(f"There is no provider named {provider_id} in {file}.")

    _edit(file, edit)


def set_value(file: Path, section: str, key: str, value: object) -> None:
    """Sets one key, as in `set_value(file, "local", "model_path", "/m.gguf")`. Raises as `put_provider`."""
    _write(file, with_value(file, section, key, value))


def with_value(file: Path, section: str, key: str, value: object) -> str:
    """What the file would say with that value. Raises ConfigError."""

    def edit(document: TOMLDocument) -> None:
        import tomlkit

        if section not in document:
            document[section] = tomlkit.table()
        document[section][key] = value  # a table: the file was checked

    return _edited(file, edit)


def remove_value(file: Path, section: str, key: str) -> None:
    """Takes one key out, so that its default holds. Raises as `put_provider`."""
    _write(file, without_value(file, section, key))


def without_value(file: Path, section: str, key: str) -> str:
    """What the file would say without that key; its heading goes with the last one. Raises ConfigError."""

    def edit(document: TOMLDocument) -> None:
        table = document.get(section)
        if table is None or key not in table:
            return
        del table[key]
        if not len(table) and "#" not in table.as_string():  # the person's comments stay
            del document[section]

    return _edited(file, edit)


def _providers(document: TOMLDocument) -> AoT:
    import tomlkit

    if "providers" not in document:
        document["providers"] = tomlkit.aot()
    found = document["providers"]
    if isinstance(found, tomlkit.items.Array):  # `providers = [{…}]`: rewritten as [[providers]]
        tables = tomlkit.aot()
        for inline in found:
            table = tomlkit.table()
            table.update(inline)
            tables.append(table)
        document["providers"] = tables
    providers: AoT = document["providers"]  # the file was checked, so it is one
    return providers


def _edit(file: Path, edit: Callable[[TOMLDocument], None]) -> None:
    _write(file, _edited(file, edit))


def _edited(file: Path, edit: Callable[[TOMLDocument], None]) -> str:
    import tomlkit

    try:
        text = read_text(file)
    except FileNotFoundError:
        text = ""
    check(text, file, {})  # a broken file is the person's to mend, never ours to overwrite
    document = tomlkit.parse(text)
    edit(document)
    result = tomlkit.dumps(document)
    check(result, file, {})
    return result


def _write(file: Path, text: str) -> None:
    try:
        replace_text(file, text)
    except OSError as error:
        raise StorageError(
            f"{file} cannot be written: {error.strerror or error}.",
            hint="Check the folder's permissions and the space on its disk. Nothing was changed.",
            detail=str(error),
        ) from error


def replace_text(file: Path, text: str) -> None:
    """All of `text` or the old file, also after a power cut. Raises OSError."""
    target = file.resolve()  # a link into someone's dotfiles stays a link
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".config-", suffix=".toml")
    try:
        with os.fdopen(handle, "wb") as unfinished:
            unfinished.write(text.encode("utf-8"))
            unfinished.flush()
            os.fsync(unfinished.fileno())
        if target.exists():
            Path(name).chmod(target.stat().st_mode & 0o777)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
