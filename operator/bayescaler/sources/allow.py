"""Which servers the operator may ask: a tenant's `serverAddress` must not make it fetch any URL.

An entry is `scheme://host[:port][/path]`. The host may be `*` (any) or start with `*.` (any name below a domain): a
wildcard stands only where the operator's own settings put it. A path covers what lies below it, segment by segment.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from .port import SourceError

PORTS = {"http": 80, "https": 443}
METADATA = {ipaddress.ip_address(text) for text in ("100.100.100.200", "fd00:ec2::254")}
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(SourceError):  # noqa: N818 - named for what it tells
    """The address is not one that the operator may ask."""

    reason = "NotAllowed"


@dataclass(frozen=True, slots=True)
class _Place:
    scheme: str
    host: str
    port: int
    path: str

    def covers(self, other: "_Place") -> bool:
        return (
            (self.scheme, self.port) == (other.scheme, other.port)
            and (self.host in {"*", other.host} or (self.wild and other.host.endswith(self.host[1:])))
            and (not self.path or f"{other.path}/".startswith(f"{self.path}/"))
        )

    @property
    def wild(self) -> bool:
        return self.host.startswith("*")

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


@dataclass(frozen=True, slots=True)
class Permit:
    """An address that may be asked (`url`, in one spelling), and what it may resolve to."""

    url: str
    host: str
    wild: bool
    setting: str

    def check_peer(self, peer: str) -> None:
        """Raise NotAllowed if the connection reached an address that no metrics server has.

        A name may resolve to the cloud's metadata service or, through a wildcard, to the operator itself.
        """
        found = ipaddress.ip_address(peer.partition("%")[0])
        ip: IPAddress = getattr(found, "ipv4_mapped", None) or found
        if self.host in {str(ip), str(found)} and not self.wild:
            return
        special = ip.is_link_local or ip in METADATA or ip.is_multicast or ip.is_unspecified
        if special or (self.wild and ip.is_loopback):
            raise NotAllowed(
                f"{self.url} leads to {ip}, an address that is refused: "
                f"if it is meant, list it literally in {self.setting}"
            )


class AllowList:
    """The addresses that may be asked, from the operator's settings; `setting` names them in errors."""

    def __init__(self, entries: Iterable[str], *, setting: str = "--allow-prometheus") -> None:
        self._setting = setting
        self._entries = tuple(entries)
        self._places = tuple(_parsed(entry, what=f"{setting} entry", wildcard=True) for entry in self._entries)

    def including(self, address: str) -> Self:
        """Return the list with one more exact address."""
        _parsed(address, what="the default Prometheus address", wildcard=False)
        return type(self)((*self._entries, address), setting=self._setting)

    def check(self, address: str) -> Permit:
        """Return the permit for an address.

        Raises:
            NotAllowed: it is malformed, carries a user, or is not on the list.
        """
        try:
            place = _parsed(address, what="serverAddress", wildcard=False)
        except ValueError as error:
            raise NotAllowed(str(error)) from None
        for entry in self._places:
            if not entry.wild and entry.covers(place):
                return Permit(place.url, place.host, False, self._setting)
        for entry in self._places:
            if entry.covers(place):
                return Permit(place.url, place.host, True, self._setting)
        raise NotAllowed(
            f"serverAddress {place.url} is not on the operator's allow-list: "
            f"ask its administrator to add it to {self._setting}"
        )


def _parsed(address: str, *, what: str, wildcard: bool) -> _Place:
    if "@" in address:
        raise ValueError(f"{what} must not carry a user or password: put them into the Secret of authRef")
    shown = repr(re.split("[?#]", address)[0][:100])  # what follows may be a token
    if not address.isascii() or not address.isprintable() or set(address) & set(' "<>\\^`{|}%'):
        raise ValueError(f"{what} {shown} has characters that do not belong in an address")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(f"{what} {shown} is not an address") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"{what} {shown} must be http://host[:port][/path] or https://...")
    if parts.query or parts.fragment or "?" in address or "#" in address:
        raise ValueError(f"{what} {shown} must not have a query or fragment")
    path = parts.path.rstrip("/")
    if any(segment in {"", ".", ".."} for segment in path.split("/")[1:]):
        raise ValueError(f"{what} {shown} must have a plain path, without empty, . and .. segments")
    host = parts.hostname
    if "*" in host and not (wildcard and (host == "*" or (host.startswith("*.") and "*" not in host[1:]))):
        raise ValueError(f"{what} {shown} must not have * there: only a host of * or *.domain in the settings may")
    return _Place(parts.scheme, host, PORTS[parts.scheme] if port is None else port, path)
