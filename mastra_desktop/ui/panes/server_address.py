"""Addresses and names of servers as people type them. Plain functions, no widgets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Set
from urllib.parse import SplitResult, urlsplit

from PySide6.QtCore import QCoreApplication

from mastra_desktop.domain.models import LOCAL_PROVIDER_ID

_NAME = re.compile(r"[a-z0-9_-]{1,64}")


def tr(text: str) -> str:
    return QCoreApplication.translate("ServerAddress", text)


def full_address(typed: str) -> str:
    """`typed` with a scheme (http on this computer, else https) and without a slash at the end."""
    typed = typed.strip()
    scheme, separator, rest = typed.partition("://")
    if separator:
        return f"{scheme}://{rest.rstrip('/')}"
    typed = typed.rstrip("/")
    if not typed:
        return ""
    return f"{'http' if is_loopback(f'http://{typed}') else 'https'}://{typed}"


def host_of(address: str) -> str:
    """`host:port`, without user, password and path."""
    return _split(address).netloc.rpartition("@")[2] or address


def is_loopback(address: str) -> bool:
    """Whether it leads to this computer."""
    host = _host(address)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def sends_key_in_clear(address: str) -> bool:
    """Whether a key would leave this computer without encryption."""
    full = full_address(address)
    return full.startswith("http://") and not is_loopback(full)


def name_for(address: str, taken: Set[str]) -> str:
    """A name made of the host, one that is not taken; "" while there is no host."""
    full = full_address(address)
    host = _host(full)
    if not host:
        return ""
    words = "this-computer" if is_loopback(full) else host.removeprefix("www.").removeprefix("api.")
    return free_name(re.sub(r"[^a-z0-9_-]+", "-", words).strip("-")[:60] or "server", taken)


def free_name(stem: str, taken: Set[str]) -> str:
    """`stem`, with a number behind it when that is taken."""
    number = 1
    while (name := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return name


def name_trouble(name: str, taken: Set[str]) -> str:
    """Why a server cannot have this name, and the remedy; "" when it can."""
    if not name:
        return tr("Enter a name for this server.")
    if not _NAME.fullmatch(name):
        return tr("Use lower-case letters, digits, - and _, at most 64.")
    if name == LOCAL_PROVIDER_ID:
        return tr("“local” is the built-in model. Choose another name.")
    if name in taken:
        return tr("A server has this name already. Choose another.")
    return ""


def _host(address: str) -> str:
    try:
        return (_split(address).hostname or "").lower()
    except ValueError:
        return ""


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # half an IPv6 address, say
        return urlsplit("")
