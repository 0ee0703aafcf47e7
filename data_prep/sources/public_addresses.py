"""A transport that reaches public addresses only, so that no spec and no redirect can point a fetch at our own network.

The name is resolved once, every address it has must be public, and the connection goes to the very address that was
checked: a name that answers differently the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import httpx2

from proposal.errors import InputError

PORTS = (80, 443)
"""The ports of public services; others only where a spec allows private addresses."""

ALLOW_PRIVATE = "allow_private"
"""The request extension by which a spec allows private addresses, say for a chain node of one's own."""

_CARRIERS = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
"""IPv6 networks that carry an IPv4 address in their last 32 bits (RFC 6052, RFC 8215)."""

Resolve = Callable[[str, int], list[str]]


class ForbiddenAddressError(InputError):
    """An address that may not be asked: not http(s), or not public."""

    code = "forbidden-address"


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the public internet.

    >>> is_public("1.1.1.1"), is_public("10.0.0.1"), is_public("::ffff:127.0.0.1"), is_public("64:ff9b::7f00:1")
    (True, False, False, False)
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and any(ip in carrier for carrier in _CARRIERS):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def _resolved(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class PublicOnly(httpx2.BaseTransport):
    """Checks where a request goes, then hands it to a transport of its own for each host."""

    def __init__(
        self,
        inner: Callable[[], httpx2.BaseTransport] = httpx2.HTTPTransport,
        resolve: Resolve = _resolved,
    ) -> None:
        self._inner = inner
        self._resolve = resolve
        self._hosts: dict[str, httpx2.BaseTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to an address that was checked."""
        url = request.url
        port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
        if url.scheme not in {"http", "https"} or not url.host:
            raise _refused(url, "only http and https are fetched")
        allowed = bool(request.extensions.get(ALLOW_PRIVATE))
        if not allowed and port not in PORTS:
            raise _refused(url, f"port {port} is not one of {PORTS}")
        try:
            addresses = self._resolve(url.host, port)
        except OSError as error:
            raise httpx2.ConnectError(f"the name {url.host} is not known ({error})", request=request) from None
        private = [address for address in addresses if not is_public(address)]
        if not addresses or (private and not allowed):
            raise _refused(url, f"{url.host} has the address {', '.join(private) or 'none'}, which is not public")
        host = f"{url.scheme}://{url.netloc!r}"
        if host not in self._hosts:
            self._hosts[host] = self._inner()
        return self._hosts[host].handle_request(_pinned(request, addresses[0]))

    def close(self) -> None:
        """Close all connections."""
        for transport in self._hosts.values():
            transport.close()


def _pinned(request: httpx2.Request, address: str) -> httpx2.Request:
    """Send it to the address; the Host header, set when the request was built, and the TLS name stay the host's."""
    extensions: dict[str, Any] = {**request.extensions, "sni_hostname": request.url.host}
    return httpx2.Request(request.method, request.url.copy_with(host=address), headers=request.headers,
                          stream=request.stream, extensions=extensions)  # fmt: skip


def _refused(url: httpx2.URL, why: str) -> ForbiddenAddressError:
    return ForbiddenAddressError(f"this address is not fetched: {why}", where=f"{url.scheme}://{url.netloc.decode()}",
                                 fix="correct the url; for a service of your own set allow_private: true")  # fmt: skip
