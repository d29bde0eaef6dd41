"""The machine's Chromium, as the tests of the report take it; certificates."""

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from playwright.async_api import async_playwright

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    """One for a module; each page is of a context of its own, which shares nothing with the others."""
    executable = shutil.which("chromium")
    if executable is None:
        missing = "no chromium on the PATH: install it (Debian and Ubuntu: apt-get install chromium)"
        if os.environ.get("BAYESCALER_E2E") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*QUIET])
        yield browser
        await browser.close()


@pytest.fixture
def pair(tmp_path):
    """Write a self-signed certificate of a name, and its key, over those before: their paths."""

    def write(name):
        key = ec.generate_private_key(ec.SECP256R1())
        subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
        built = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        dated = built.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        certificate, private = tmp_path / "tls.crt", tmp_path / "tls.key"
        certificate.write_bytes(dated.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, private

    return write
