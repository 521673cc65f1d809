"""Which requests go through a proxy: the system's setting, one of the configuration, or none."""

from __future__ import annotations

import logging
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    import httpx

log = logging.getLogger(__name__)

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# What desktops and tools write for SOCKS 5. Names are looked up by the proxy in every case.
_SOCKS = ("socks", "socks5", "socks5h")


def proxy_settings(setting: str) -> Mapping[str, str]:
    """As `urllib.request.getproxies` names them. `setting`: system, none, or a proxy's address."""
    if setting == "system":
        return urllib.request.getproxies()
    return {} if setting == "none" else {"all": setting}


def proxy_mounts(
    proxies: Mapping[str, str], context: ssl.SSLContext, max_connections: int
) -> dict[str, httpx.AsyncBaseTransport | None]:
    """httpx mounts (URL pattern to transport); empty without a proxy.

    Requests to a proxy take plain httpx. This computer is never reached through one. A setting that
    cannot be used is logged and ignored: a proxy's fault never stops the start.
    """
    import httpx

    direct = [host.strip() for host in proxies.get("no", "").split(",") if host.strip()]
    if "*" in direct:
        return {}
    limits = httpx.Limits(max_connections=max_connections)
    mounts: dict[str, httpx.AsyncBaseTransport | None] = {}
    for scheme in ("http", "https", "all"):
        address = proxies.get(scheme, "")
        if not address:
            continue
        try:
            mounts[f"{scheme}://"] = httpx.AsyncHTTPTransport(
                verify=context, trust_env=False, limits=limits, proxy=httpx.Proxy(normal_address(address))
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            log.warning("proxy setting for %s ignored: %s", scheme, type(error).__name__)
    if mounts:
        for host in (*_LOOPBACK, *direct):
            pattern = _direct_pattern(host)
            try:
                httpx.URL(pattern)
            except httpx.InvalidURL:
                log.warning("no_proxy entry ignored")
            else:
                mounts[pattern] = None
    return mounts


def normal_address(address: str) -> str:
    """A proxy's address as httpx takes it: with a scheme, and `socks5://` for every spelling of that."""
    scheme, separator, rest = address.strip().partition("://")
    if not separator:
        return f"http://{scheme}"
    return f"socks5://{rest}" if scheme.lower() in _SOCKS else f"{scheme.lower()}://{rest}"


def _direct_pattern(host: str) -> str:
    """The httpx mount pattern for one entry of no_proxy: names also cover what ends like them."""
    if host.count(":") > 1:
        return f"all://[{host.strip('[]')}]"
    exact = host in _LOOPBACK or host.replace(".", "").replace(":", "").isdigit()
    return f"all://{host}" if exact else f"all://*{host}"
