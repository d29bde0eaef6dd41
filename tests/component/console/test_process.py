"""`bayescaler run --console` as a process of its own, over TLS, against an API server that enforces its roles."""

import asyncio
import json
import signal
import ssl
import sys

import aiohttp
from tests.component.serving.certificates import self_signed
from tests.component.serving.grants import grant

from bayescaler import api
from bayescaler.sandbox.server import SandboxServer, User

from .fleets import NAMESPACES, manifest


async def test_the_operator_serves_it_and_ends_when_it_is_told_to(tmp_path):
    certificate, key = self_signed(tmp_path, "console")
    async with SandboxServer(authorize=True) as server:
        server.create(api.crd())
        for place in NAMESPACES:
            server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}})
        server.create(manifest("shop", "web"))
        at_large = grant(server, "tenant", "shop")
        token = server.guard.issue(User("tenant", ("system:authenticated",)), ["bayescaler"])
        command = [
            sys.executable, "-m", "bayescaler", "run", "--no-leader-election", "--listen=127.0.0.1:0",
            f"--listen-tls-cert={certificate}", f"--listen-tls-key={key}",
            f"--kubeconfig={server.write_kubeconfig(tmp_path / 'kubeconfig')}", "--prometheus=http://127.0.0.1:1",
            "--metrics-auth", "--token-audience=bayescaler", "--console=127.0.0.1:0",
            f"--console-tls-cert={certificate}", f"--console-tls-key={key}",
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        try:
            endpoints = await said(process, "serving probes and metrics", "address")
            address = await said(process, "serving the console", "address")
            trusted = ssl.create_default_context(cafile=certificate)
            trusted.check_hostname = False
            connector = aiohttp.TCPConnector(ssl=trusted)
            async with aiohttp.ClientSession(address, connector=connector) as session:
                headers = {"Authorization": f"Bearer {token}"}
                assert (await listed(session, headers))["target"] == "Deployment/web"
                async with session.get("api/objects/search/web", headers=headers) as answer:
                    assert answer.status == 403
                async with session.get("api/objects", headers={"Authorization": f"Bearer {at_large}"}) as answer:
                    assert answer.status == 401, "for another audience"
                async with session.get(f"{endpoints}/metrics", headers=headers) as answer:
                    assert answer.status == 403
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.gather(process.stderr.read(), process.wait())
        assert process.returncode == 0


async def listed(session, headers):
    """The object, once it has been listed."""
    while True:
        async with session.get("api/objects/shop/web", headers=headers) as answer:
            if answer.status == 200:
                return await answer.json()
        await asyncio.sleep(0.05)


async def said(process, message, field):
    """A field of the first record with this message."""
    async for line in process.stderr:
        record = json.loads(line) if line.startswith(b"{") else {}
        if record.get("message") == message:
            return record[field]
    raise AssertionError(f"it ended and never said: {message}")
