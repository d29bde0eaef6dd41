"""What holds for all that is put together here."""

import os

import pytest


@pytest.fixture(autouse=True)
def nobody_else_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates are those that a test makes; to read all of the machine's costs each client 25 ms."""
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
