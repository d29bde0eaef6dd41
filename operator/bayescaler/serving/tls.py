"""A certificate to serve with: read anew when its files are renewed, so that no connection meets an old one."""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class BadCertificate(ValueError):  # noqa: N818 - named for what it tells
    """A certificate or key that cannot be used."""


@dataclass(frozen=True, slots=True)
class Files:
    """PEM files: the certificate with its chain, and its key."""

    certificate: Path
    key: Path

    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Return what changes when the files are renewed. Raises OSError."""
        return tuple((found.st_mtime_ns, found.st_ino) for found in (self.certificate.stat(), self.key.stat()))

    def context(self) -> ssl.SSLContext:
        """Return a server's context. Raises OSError, ssl.SSLError is one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context


def renewed(files: Files) -> ssl.SSLContext:
    """Return a context that answers every handshake with the certificate of the files as they are then.

    A pair that cannot be read, or is renewed by half, is told in the log and the one before goes on. Raises
    BadCertificate where there is no first one.
    """
    try:
        now = [files.stamp(), files.context()]
        door = files.context()
    except OSError as error:
        raise BadCertificate(f"{files.certificate}, {files.key}: {error.strerror or error}") from error

    def follow(connection: ssl.SSLObject, _name: str | None, _door: ssl.SSLContext) -> None:
        try:
            stamp = files.stamp()
            if stamp != now[0]:
                now[:] = [stamp, files.context()]
        except OSError as error:
            log.warning("a certificate cannot be read anew", extra={"file": str(files.certificate), "why": str(error)})
        current: Any = now[1]
        connection.context = current

    door.sni_callback = follow  # called in every handshake, with a name or without
    return door
