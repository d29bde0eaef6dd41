"""Where credentials come from, and that a rotated one is picked up without a word."""

import asyncio
import os
import stat
import sys

import pytest

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.credentials import Credentials
from bayescaler.cluster.errors import BadConfiguration, Unauthorized


def admit(api, *tokens):
    """The server answers only bearers of one of `tokens`."""
    good, bad = api.json({"ok": True}), api.status(401, "Unauthorized", "Unauthorized")

    async def answer(request):
        admitted = request.headers.get("Authorization") in {f"Bearer {token}" for token in tokens}
        return await (good if admitted else bad)(request)

    api.on("GET", "/x", answer)


async def test_a_rotated_token_file_is_read_again_on_401(api, kubeconfig, tmp_path):
    token = tmp_path / "token"
    token.write_text("old\n")
    async with await KubeClient.connect(kubeconfig(api.url, {"tokenFile": str(token)})) as client:
        admit(api, "old")
        assert await client.request("GET", "/x") == {"ok": True}

        token.write_text("new\n")
        admit(api, "new")
        assert await client.request("GET", "/x") == {"ok": True}

    assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer old", "Bearer old", "Bearer new"]


async def test_a_token_that_stays_refused_is_tried_twice_and_no_more(api, kubeconfig):
    admit(api, "other")
    async with await KubeClient.connect(kubeconfig(api.url, {"token": "mine"})) as client:
        with pytest.raises(Unauthorized) as caught:
            await client.request("GET", "/x")
    assert len(api.asked) == 2
    assert "mine" not in str(caught.value)


async def test_many_requests_refused_at_once_read_the_credentials_once(api, kubeconfig, tmp_path):
    runs, plugin = tmp_path / "runs", tmp_path / "plugin.py"
    plugin.write_text(
        f"with open({str(runs)!r}, 'a') as f: f.write('run\\n')\n"
        f"n = len(open({str(runs)!r}).readlines())\n"
        "import json\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',"
        " 'status': {'token': f'token-{n}'}}))\n"
    )
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(plugin)],
            "interactiveMode": "Never",
        }
    }
    admit(api, "token-2")
    async with await KubeClient.connect(kubeconfig(api.url, user)) as client:
        answers = await asyncio.gather(*(client.request("GET", "/x") for _ in range(8)))
    assert answers == [{"ok": True}] * 8
    assert runs.read_text().count("run") == 2


async def test_credentials_that_cannot_be_read_again_stay_and_are_logged_without_their_value(
    api, kubeconfig, tmp_path, caplog
):
    token = tmp_path / "token"
    token.write_text("hush-hush")
    async with await KubeClient.connect(kubeconfig(api.url, {"tokenFile": str(token)})) as client:
        token.unlink()
        admit(api, "other")
        with pytest.raises(Unauthorized):
            await client.request("GET", "/x")
    assert "credentials could not be read anew" in caplog.text
    assert "hush-hush" not in caplog.text


async def test_kubeconfig_wins_over_the_environment_and_that_over_the_service_account(
    api, kubeconfig, tmp_path, monkeypatch
):
    path = kubeconfig(api.url, {"token": "t"})
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    assert (await (await KubeClient.connect(path)).connection()).server == api.url

    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "missing"), str(path)]))
    assert (await (await KubeClient.connect()).connection()).server == api.url

    monkeypatch.delenv("KUBECONFIG")
    with pytest.raises(BadConfiguration, match="service account"):
        await KubeClient.connect()


async def test_the_service_account_of_the_pod_is_read_from_its_mount(tmp_path):
    (tmp_path / "token").write_text("mounted")
    (tmp_path / "ca.crt").write_text("certificate")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    connection = await (await Credentials.in_cluster(tmp_path, environ)).connection()
    assert connection.server == "https://[fd00::1]:443"
    assert connection.authorization == "bearer mounted"
    assert connection.ca_path == str(tmp_path / "ca.crt")
    assert "mounted" not in repr(connection)


async def test_the_service_accounts_rotated_token_is_used_after_a_refusal(tmp_path):
    (tmp_path / "token").write_text("old")
    (tmp_path / "ca.crt").write_text("certificate")
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    credentials = await Credentials.in_cluster(tmp_path, environ)
    (tmp_path / "token").write_text("new")
    assert await credentials.authorization() == "bearer old"
    await credentials.refresh(credentials.generation)
    assert await credentials.authorization() == "bearer new"


@pytest.mark.parametrize("content", ["", "just text", "{", "clusters: []\ncurrent-context: x\ncontexts: []\nusers: []"])
async def test_a_broken_kubeconfig_is_one_clear_error_that_names_the_file(tmp_path, content):
    path = tmp_path / "broken"
    path.write_text(content)
    with pytest.raises(BadConfiguration, match="broken"):
        await KubeClient.connect(path)


async def test_a_missing_kubeconfig_names_the_file_and_the_cure(tmp_path):
    with pytest.raises(BadConfiguration, match=r"nowhere: no such file; give --kubeconfig"):
        await KubeClient.connect(tmp_path / "nowhere")


async def test_an_unknown_context_is_named(api, kubeconfig):
    with pytest.raises(BadConfiguration, match="elsewhere"):
        await KubeClient.connect(kubeconfig(api.url, {"token": "t"}), context="elsewhere")


async def test_the_environments_proxy_is_used_unless_the_server_is_exempt_or_the_kubeconfig_names_another(
    kubeconfig, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "10.0.0.1,.svc")
    for server, own, expected in [
        ("https://api.example.com:6443", {}, "http://proxy:3128"),
        ("https://10.0.0.1:6443", {}, None),
        ("https://kubernetes.default.svc", {}, None),
        ("https://api.example.com", {"proxy-url": "http://other:1080"}, "http://other:1080"),
    ]:
        path = kubeconfig(server, {"token": "t"}, **{"insecure-skip-tls-verify": True}, **own)
        assert (await (await KubeClient.connect(path)).connection()).proxy == expected


async def test_an_unreadable_plugin_leaves_a_refusal_not_a_crash(api, kubeconfig, tmp_path):
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\nexit 3\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)}}
    admit(api, "any")
    async with await KubeClient.connect(kubeconfig(api.url, user)) as client:
        with pytest.raises(Unauthorized):
            await client.request("GET", "/x")
