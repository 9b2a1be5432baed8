"""How the desk is run: decided on the command line, fixed while it runs."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from oldphoto_core.errors import UsageError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOST_NAME = re.compile(r"\*|(\*\.)?[\w-]+(\.[\w-]+)*", re.ASCII)


@dataclass(frozen=True)
class ProxySignIn:
    """A proxy in front of the desk that has signed people in already.

    ``header`` carries the account's name; it counts only in requests that come from ``networks``.
    """

    header: str
    networks: tuple[Network, ...]

    def trusts(self, address: str | None) -> bool:
        """Return whether a request from this address may say who is asking."""
        return is_within(address, self.networks)


@dataclass(frozen=True)
class DeskSettings:
    """The desk's surroundings.

    Args:
        roots: folders and ``s3://`` prefixes whose files may be shown.
        cache: folder for the desk's own small copies of pictures.
        cache_bytes: about how large the cache may grow.
        hosts: names under which the desk may be addressed (``*`` for any); other requests are refused, so
            that no foreign web page can reach a desk on this machine under a name of its own.
        proxy: a proxy that signs people in; None for passwords.
        forwarders: web servers in front of the desk, which say for whom they ask (``X-Forwarded-For``).
        https: whether browsers reach the desk by https, so that cookies are bound to it.
        idle_hours: a session ends after so many hours without a request.
        page_size: how many photos a page of the queue shows.
    """

    roots: tuple[str, ...]
    cache: Path
    cache_bytes: int = 8 << 30
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]", "::1")
    proxy: ProxySignIn | None = None
    forwarders: tuple[Network, ...] = ()
    https: bool = False
    idle_hours: float = 10.0
    page_size: int = 48


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(text: str) -> str:
    """Return a name of the desk as browsers send it, which is in ASCII. Raises UsageError."""
    try:
        name = text.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not _HOST_NAME.fullmatch(name) and not _is_address(name.strip("[]")):
        raise UsageError(
            f"{text!r} is not a name of a host. Write photos.museum.example, without https:// and port; "
            "*.museum.example stands for every name below."
        )
    return name


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_within(address: str | None, networks: tuple[Network, ...]) -> bool:
    """Return whether an address lies in one of the networks; None and what is no address do not."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    # How a socket that listens for both versions names a neighbour of version 4.
    plain = getattr(found, "ipv4_mapped", None) or found
    return any(plain in network for network in networks)


def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return addresses and networks (``10.0.0.5``, ``10.0.0.0/8``) as networks. Raises UsageError."""
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise UsageError(
            f"{error}. Write an address such as 10.0.0.5 or a network such as 10.0.0.0/8."
        ) from None
