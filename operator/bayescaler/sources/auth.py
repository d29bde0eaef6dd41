"""Credentials for a metrics server, from the data of a Secret. Nothing here shows a value: not repr, not an error.

Keys of the Secret:
    token                   bearer token
    username, password      basic authentication
    header.<Name>           any other header, such as header.X-Scope-OrgID
    ca.crt                  CA certificates (PEM) to trust instead of the public ones
    tls.crt, tls.key        client certificate and key (PEM)
"""

import base64
import os
import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from .port import SourceError

PLAIN_KEYS = ("token", "username", "password", "ca.crt", "tls.crt", "tls.key")
IGNORED_KEYS = ("namespace",)  # the third key of every Secret of type kubernetes.io/service-account-token
HEADER_KEY = "header."
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
RESERVED_HEADERS = {
    "accept-encoding", "connection", "content-length", "content-type", "cookie", "expect", "host", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
MIN_REDACTED_CHARACTERS = 4


class AuthError(SourceError):
    """The Secret cannot be used; the message names keys, never values."""

    reason = "AuthInvalid"


@dataclass(frozen=True, slots=True)
class Auth:
    """Headers and TLS material of one Secret."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: str | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    kinds: tuple[str, ...] = ()

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes]) -> Self:
        """Read the decoded data of a Secret.

        Raises:
            AuthError: a key is unknown, misses its partner, or holds what cannot be sent.
        """
        unknown = sorted(
            key for key in data if key not in {*PLAIN_KEYS, *IGNORED_KEYS} and not key.startswith(HEADER_KEY)
        )
        if unknown:
            allowed = ", ".join((*PLAIN_KEYS, f"{HEADER_KEY}<Name>"))
            raise AuthError(f"the Secret has unknown keys {', '.join(unknown)}; allowed are {allowed}")
        for one, other in (
            ("username", "password"),
            ("password", "username"),
            ("tls.crt", "tls.key"),
            ("tls.key", "tls.crt"),
        ):
            if one in data and other not in data:
                raise AuthError(f"the Secret has {one} but not {other}: add it")
        headers = _headers(data)
        auth = cls(
            headers,
            _pem(data, "ca.crt"),
            data.get("tls.crt"),
            data.get("tls.key"),
            tuple(sorted(key for key in data if key not in IGNORED_KEYS)),
        )
        auth.tls_context()
        return auth

    def tls_context(self) -> ssl.SSLContext:
        """Return a context that trusts the CA given, else the public ones, and carries the client certificate."""
        try:
            if self.ca is None:
                context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
            else:
                context = ssl.create_default_context(cadata=self.ca)
        except ssl.SSLError:
            raise AuthError("ca.crt of the Secret holds no certificates in PEM") from None
        if self.certificate is not None and self.key is not None:
            _load_client(context, self.certificate, self.key)
        return context

    def redact(self, text: str) -> str:
        """Return the text with every credential that a server may have echoed blotted out."""
        for value in self.headers.values():
            for part in _revealing(value):
                if len(part) >= MIN_REDACTED_CHARACTERS:
                    text = text.replace(part, "***")
        return text


NO_AUTH = Auth()


def _revealing(value: str) -> Iterator[str]:
    """Give what of a header's value must not be shown, whole first; a server knows a password in the clear."""
    yield value
    scheme, _, credential = value.rpartition(" ")
    yield credential
    if scheme == "Basic":
        with suppress(ValueError):  # a header written by hand may hold anything
            pair = base64.b64decode(credential).decode()
            yield pair
            yield pair.partition(":")[2]


def _headers(data: Mapping[str, bytes]) -> dict[str, str]:
    headers = {}
    for key in sorted(data):
        if key.startswith(HEADER_KEY):
            name = key.removeprefix(HEADER_KEY)
            if HEADER_NAME.fullmatch(name) is None or name.lower() in RESERVED_HEADERS:
                raise AuthError(f"{key} of the Secret does not name a header that may be set")
            headers[name] = _line(data, key)
    given = [name for name in headers if name.lower() == "authorization"]
    given += [key for key in ("token", "username") if key in data]
    if len(given) > 1:
        raise AuthError(f"the Secret has {' and '.join(given)}: give one way to authenticate")
    if "token" in data:
        headers["Authorization"] = f"Bearer {_line(data, 'token')}"
    if "username" in data:
        pair = f"{_line(data, 'username')}:{_line(data, 'password')}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _line(data: Mapping[str, bytes], key: str) -> str:
    """Return one line of text; the newline that `echo` and editors leave at the end is not part of a credential."""
    try:
        text = data[key].decode("utf-8").rstrip("\r\n")
        if key not in {"username", "password"}:
            text.encode("latin-1")  # as headers travel
    except UnicodeError:
        raise AuthError(f"{key} of the Secret is not text that a header can carry") from None
    if not text:
        raise AuthError(f"{key} of the Secret is empty")
    if any(ord(character) < ord(" ") or character == "\x7f" for character in text):
        raise AuthError(f"{key} of the Secret has a line break or control character inside")
    return text


def _pem(data: Mapping[str, bytes], key: str) -> str | None:
    try:
        return data[key].decode("ascii") if key in data else None
    except UnicodeError:
        raise AuthError(f"{key} of the Secret is not PEM text") from None


def _load_client(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # OpenSSL's Python face reads certificates from files only: this one lives in memory where the system can.
    with (
        os.fdopen(os.memfd_create("client"), "wb") if hasattr(os, "memfd_create") else tempfile.NamedTemporaryFile()
    ) as file:
        file.write(certificate.rstrip() + b"\n" + key)
        file.flush()
        path = f"/proc/self/fd/{file.fileno()}" if isinstance(file.name, int) else file.name
        try:
            # A key with a passphrase must fail here, not ask on the terminal.
            context.load_cert_chain(path, password=lambda: b"")
        except (ssl.SSLError, ValueError):
            raise AuthError("tls.crt and tls.key of the Secret are not a PEM certificate and its open key") from None
