"""Fetches a page a person named, without letting its address reach into their own network.

Every address the host's name stands for must be public, and the connection goes to the address that was
looked at, so that a name cannot change its mind in between. Each redirect is looked at anew.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from mastra_desktop.domain.errors import KnowledgeError

if TYPE_CHECKING:
    import httpx

LARGEST_PAGE = 10 * 1024 * 1024  # bytes, unpacked
MOST_REDIRECTS = 5
WALL_S = 30.0
_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; MastraDesktop)",
    "Accept": "text/html,application/xhtml+xml,application/pdf;q=0.9,text/*;q=0.9,*/*;q=0.5",
    "Accept-Encoding": "gzip, deflate",
}
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/epub+zip": ".epub",
    "application/rtf": ".rtf",
    "text/plain": ".txt",
}


@dataclass(frozen=True, slots=True)
class _Target:
    """Where one request goes: `url` holds the address, `host` and `name` what was asked for."""

    url: str
    host: str
    name: str


async def fetch_page(
    url: str,
    *,
    allow_private: bool = False,
    largest: int = LARGEST_PAGE,
    wall_s: float = WALL_S,
) -> tuple[bytes, str, str]:
    """The content, its content type as the server says it, and the address it came from in the end.

    `allow_private` lets this machine's own and its network's addresses through. Raises KnowledgeError.
    """
    import httpx

    try:
        async with asyncio.timeout(wall_s):
            # No proxy: it would look the name up anew, and connect to wherever that leads.
            async with httpx.AsyncClient(trust_env=False, timeout=wall_s) as client:
                return await _follow(client, url, allow_private, largest)
    except TimeoutError as error:
        raise KnowledgeError(
            f"The page did not arrive within {wall_s:.0f} s.", hint="Try again later.", retryable=True
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, zlib.error) as error:
        raise KnowledgeError(
            f"{urlsplit(url).hostname or 'The server'} cannot be reached.",
            hint="Check the address and the network.",
            detail=f"{type(error).__name__}: {error}",
            retryable=True,
        ) from error


def page_suffix(content_type: str, url: str) -> str:
    """The suffix a fetched page is stored under: by its type, else by its address, else ".html"."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _SUFFIXES and kind != "text/plain":
        return _SUFFIXES[kind]
    last = urlsplit(url).path.rpartition("/")[2]
    suffix = "." + last.rpartition(".")[2].lower() if "." in last else ""
    return suffix if suffix[1:].isalnum() and len(suffix) <= 8 else _SUFFIXES.get(kind, ".html")


async def _follow(
    client: httpx.AsyncClient, url: str, allow_private: bool, largest: int
) -> tuple[bytes, str, str]:
    for _ in range(MOST_REDIRECTS + 1):
        target = await _resolve(url, allow_private)
        request = client.build_request(
            "GET",
            target.url,
            headers={**_HEADERS, "Host": target.host},
            extensions={"sni_hostname": target.name},
        )
        response = await client.send(request, stream=True)
        try:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                url = _next(url, response.headers["location"])
                continue
            if response.status_code != 200:
                raise _refused(response.status_code)
            content = await _content(response, largest)
            return content, response.headers.get("content-type", ""), url
        finally:
            await response.aclose()
    raise KnowledgeError(
        f"The page redirects more than {MOST_REDIRECTS} times.",
        hint="Open it in a browser, save it as a file and add that.",
    )


def _next(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise _no_address("The page redirects to an address that is none.") from error


def _no_address(message: str) -> KnowledgeError:
    return KnowledgeError(message, hint="An address looks like https://example.org/page.")


async def _resolve(url: str, allow_private: bool) -> _Target:
    """Raises KnowledgeError unless every address of the host may be connected to."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        name = parts.hostname or ""
        name = name if name.isascii() else name.encode("idna").decode()
    except ValueError as error:  # UnicodeError is one
        raise _no_address("This is not the address of a web page.") from error
    if parts.scheme not in ("http", "https") or not name:
        raise _no_address("Only pages at http and https addresses can be added.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise KnowledgeError(
            f"There is no server called {name}.",
            hint="Check the address and the network.",
            detail=str(error),
            retryable=True,
        ) from error
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and not all_public(addresses):
        raise KnowledgeError(
            f"{name} is in your own network, and pages from there are not fetched.",
            hint="Open it in a browser, save it as a file and add that.",
        )
    address = addresses[0]
    shown = f"[{name}]" if ":" in name else name
    where = f"[{address}]" if ":" in address else address
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    host = shown if parts.port is None else f"{shown}:{port}"
    return _Target(f"{parts.scheme}://{where}:{port}{path}{query}", host, name)


def all_public(addresses: Sequence[str]) -> bool:
    """Whether each leads to the public internet, also when an IPv4 address is wrapped into an IPv6 one."""
    found = [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
    return bool(found) and all(_public(address) for address in found)


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64 or int(address) >> 32 == 0:  # the latter: IPv4-compatible, long given up
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def _content(response: httpx.Response, largest: int) -> bytes:
    """The body, unpacked here piece by piece: a small answer may unpack to gigabytes."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip", "deflate"):
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # zlib or gzip, as it says itself
    elif encoding in ("", "identity"):
        unpack = None
    else:
        raise KnowledgeError(
            "The page is packed in a way that is not known.",
            hint="Open it in a browser, save it as a file and add that.",
            detail=encoding,
        )
    content = bytearray()
    received = 0
    async for piece in response.aiter_raw():
        received += len(piece)
        content += piece if unpack is None else unpack.decompress(piece, largest + 1 - len(content))
        if max(len(content), received) > largest:
            raise KnowledgeError(
                f"The page is larger than {largest // 1024**2} MB.",
                hint="Download it in a browser and add the file.",
            )
    return bytes(content)


def _refused(status: int) -> KnowledgeError:
    if status in (401, 403, 407):
        return KnowledgeError(
            "The page is not open to everyone.",
            hint="Open it in a browser, save it as a file and add that.",
            detail=f"status {status}",
        )
    if status in (404, 410):
        return KnowledgeError("There is no such page.", hint="Check the address.", detail=f"status {status}")
    return KnowledgeError(
        f"The server answered with status {status}.", hint="Try again later.", retryable=status >= 429
    )
