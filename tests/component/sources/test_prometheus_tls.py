"""TLS to a real server: whom we trust, and who we are."""

import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bayescaler.policy.reasons import Health
from bayescaler.sources.auth import Auth
from bayescaler.sources.port import LoadQuery, SourceError
from bayescaler.sources.prometheus import PrometheusSource

NOW = 1_772_438_400.0


def certificate(name, issuer=None):
    """Return (certificate, key) in PEM; signed by `issuer` (the same pair) or by itself."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    signer, signer_key = (subject, key)
    if issuer is not None:
        signer = x509.load_pem_x509_certificate(issuer[0]).subject
        signer_key = serialization.load_pem_private_key(issuer[1], None)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(signer_key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM)
    return pem, key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def ca():
    return certificate("test authority")


@pytest.fixture
def start_tls(start_prometheus, ca, tmp_path):
    def start(*, want_client=False):
        pem, key = certificate("server", ca)
        (tmp_path / "server.pem").write_bytes(pem + key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tmp_path / "server.pem")
        if want_client:
            context.load_verify_locations(cadata=ca[0].decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return start_prometheus(context)

    return start


async def read(server, secret):
    source = PrometheusSource(server.url, auth_for=lambda _: Auth.from_secret(secret), timeout_seconds=5.0)
    try:
        query = LoadQuery("a/b", "x", 60, server.url, "a/secret" if secret else None)
        return await source.read(query, start=NOW - 60, end=NOW, now=NOW)
    finally:
        await source.close()


async def test_an_authority_of_the_secret_is_trusted(start_tls, ca):
    assert (await read(start_tls(), {"ca.crt": ca[0]})).health is Health.LIVE


async def test_a_server_of_an_unknown_authority_is_not(start_tls):
    with pytest.raises(SourceError, match="TLS failed") as caught:
        await read(start_tls(), {})
    assert caught.value.reason == "ServerUnreachable"


async def test_an_authority_of_the_secret_replaces_the_others(start_tls, ca):
    with pytest.raises(SourceError, match="TLS failed"):
        await read(start_tls(), {"ca.crt": certificate("another")[0]})


async def test_the_client_shows_its_certificate(start_tls, ca):
    pem, key = certificate("client", ca)
    found = await read(start_tls(want_client=True), {"ca.crt": ca[0], "tls.crt": pem, "tls.key": key})
    assert found.health is Health.LIVE


async def test_a_client_without_certificate_is_turned_away(start_tls, ca):
    with pytest.raises(SourceError):
        await read(start_tls(want_client=True), {"ca.crt": ca[0]})


def test_a_certificate_with_another_key_is_refused_without_showing_either(ca):
    pem, _ = certificate("client", ca)
    _, key = certificate("other", ca)
    with pytest.raises(SourceError, match=r"tls\.crt and tls\.key of the Secret are not") as caught:
        Auth.from_secret({"tls.crt": pem, "tls.key": key})
    assert "BEGIN" not in str(caught.value)
