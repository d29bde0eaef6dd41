"""TLS is on unless the kubeconfig says otherwise: a server without a certificate of its authority is not spoken to."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.credentials import Credentials
from bayescaler.cluster.errors import Unreachable


def authority(directory, name):
    """A self-signed certificate for 127.0.0.1, usable as its own authority: (certificate path, key path)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    crt, pem = directory / f"{name}.crt", directory / f"{name}.key"
    crt.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return crt, pem


@pytest.fixture
async def secure(tmp_path) -> AsyncIterator[tuple[str, Path]]:
    """A server with TLS: (its address, its authority's certificate)."""
    crt, key = authority(tmp_path, "server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(crt, key)
    app = web.Application()

    async def whoami(request: web.Request) -> web.StreamResponse:
        return web.json_response({"authorization": request.headers.get("Authorization")})

    app.router.add_get("/x", whoami)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    yield f"https://127.0.0.1:{server.port}", crt
    await server.close()


async def test_a_server_of_the_given_authority_is_spoken_to(secure, kubeconfig):
    address, crt = secure
    path = kubeconfig(address, {"token": "t"}, **{"certificate-authority": str(crt)})
    async with await KubeClient.connect(path) as client:
        assert await client.request("GET", "/x") == {"authorization": "Bearer t"}


async def test_a_server_of_another_authority_never_sees_the_token(secure, kubeconfig, tmp_path):
    address, _ = secure
    other, _ = authority(tmp_path, "other")
    path = kubeconfig(address, {"token": "t"}, **{"certificate-authority": str(other)})
    async with await KubeClient.connect(path) as client:
        with pytest.raises(Unreachable, match=r"(?i)certificate"):
            await client.request("GET", "/x")


async def test_verification_is_off_only_where_the_kubeconfig_says_so(secure, kubeconfig):
    address, _ = secure
    path = kubeconfig(address, {"token": "t"}, **{"insecure-skip-tls-verify": True})
    async with await KubeClient.connect(path) as client:
        assert await client.request("GET", "/x") == {"authorization": "Bearer t"}
        assert (await client.connection()).insecure


async def test_the_mounted_service_account_connects_by_its_own_authority(secure, tmp_path):
    address, crt = secure
    (tmp_path / "token").write_text("mounted\n")
    (tmp_path / "ca.crt").symlink_to(crt)
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": address.rsplit(":", 1)[1]}
    async with KubeClient(await Credentials.in_cluster(tmp_path, environ)) as client:
        assert await client.request("GET", "/x") == {"authorization": "bearer mounted"}


async def test_a_watch_that_is_given_up_is_hung_up_at_once_not_when_the_server_says_goodbye(tmp_path, kubeconfig):
    crt, key = authority(tmp_path, "server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(crt, key)

    def serve_one_event_and_never_answer_again(listening):
        with listening.accept()[0] as plain:
            with context.wrap_socket(plain.dup(), server_side=True) as secured:
                secured.recv(65536)
                secured.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"type": "ADDED"}\n')
            plain.settimeout(10.0)
            while plain.recv(65536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(asyncio.to_thread(serve_one_event_and_never_answer_again, listening))
        address = f"https://127.0.0.1:{listening.getsockname()[1]}"
        path = kubeconfig(address, {"token": "t"}, **{"certificate-authority": str(crt)})
        async with await KubeClient.connect(path) as client:
            async with aclosing(client.stream("/x")) as events:
                assert (await anext(events))["type"] == "ADDED"
            await serving
