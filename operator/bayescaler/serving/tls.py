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

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when the files are renewed. Raises OSError."""
        found = (self.certificate.stat(), self.key.stat())
        return tuple((one.st_mtime_ns, one.st_ino, one.st_size) for one in found)

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
        current = Current(files)
        door = files.context()
    except OSError as error:
        raise BadCertificate(f"{files.certificate}, {files.key}: {error.strerror or error}") from error

    def follow(connection: ssl.SSLObject, _name: str | None, _door: ssl.SSLContext) -> None:
        context: Any = current.context()
        connection.context = context

    door.sni_callback = follow  # called in every handshake, with a name or without
    return door


class Current:
    """The certificate of files as they are, or as they last could be read. Raises OSError where they never could."""

    def __init__(self, files: Files) -> None:
        self._files, self._stamp, self._context = files, files.stamp(), files.context()
        self._told: object = None

    def context(self) -> ssl.SSLContext:
        """Return it; what is wrong is told once, until the files change again."""
        stamp = None
        try:
            stamp = self._files.stamp()
            if stamp != self._stamp:
                self._context = self._files.context()
                self._stamp = stamp
            self._told = None
        except OSError as error:
            wrong = (stamp, str(error))
            if wrong != self._told:
                told = {"file": str(self._files.certificate), "why": str(error)}
                log.warning("a certificate cannot be read anew", extra=told)
                self._told = wrong
        return self._context
