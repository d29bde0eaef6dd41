"""Who may ask which Prometheus, and with what credentials: nothing leaks, nothing leads elsewhere."""

import pytest

from bayescaler.policy.reasons import Health
from bayescaler.sources.allow import AllowList
from bayescaler.sources.auth import Auth
from bayescaler.sources.port import LoadQuery, SourceError
from bayescaler.sources.prometheus import PrometheusSource

from .reading import NOW, QUERY, read, refused


async def test_the_environment_gives_no_proxy(prometheus, source, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    assert (await read(source, prometheus)).health is Health.LIVE


async def test_cookies_are_not_kept_between_tenants(prometheus, source, respond, series):
    prometheus.fault = respond(200, series(({}, [[NOW, "1"]])), Set_Cookie="session=1")
    await read(source, prometheus)
    await read(source, prometheus)
    assert "Cookie" not in prometheus.headers[1]


async def test_credentials_are_sent_and_rotate(prometheus):
    known = {"shop/auth": Auth.from_secret({"token": b"first-token\n"})}
    source = PrometheusSource(prometheus.url, auth_for=known.get)
    await read(source, prometheus, auth_key="shop/auth")
    await read(source, prometheus)
    known["shop/auth"] = Auth.from_secret({"username": b"u", "password": b"p", "header.X-Scope-OrgID": b"shop"})
    await read(source, prometheus, auth_key="shop/auth")
    await source.close()
    assert [headers.get("Authorization") for headers in prometheus.headers] == [
        "Bearer first-token",
        None,
        "Basic dTpw",
    ]
    assert prometheus.headers[2]["X-Scope-OrgID"] == "shop"


async def test_a_secret_that_is_not_there_is_told_and_nothing_is_asked(prometheus, source):
    error = await refused(source, prometheus, auth_key="shop/auth")
    assert (error.reason, str(error)) == ("AuthMissing", "Secret shop/auth of authRef is not there")
    assert prometheus.asked == []


async def test_a_credential_that_the_server_echoes_is_blotted_out(prometheus, respond, caplog):
    caplog.set_level(0)
    auth = Auth.from_secret({"token": b"s3cr3t-canary"})
    source = PrometheusSource(prometheus.url, auth_for=lambda _: auth)
    for fault in (
        respond(401, {"status": "error", "error": "token s3cr3t-canary has expired"}),
        respond(500, {"status": "error", "error": "Authorization: Bearer s3cr3t-canary"}),
    ):
        prometheus.fault = fault
        error = await refused(source, prometheus, auth_key="shop/auth")
        assert "canary" not in f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
        assert "***" in str(error)
    assert "canary" not in caplog.text
    await source.close()


async def test_an_address_off_the_list_is_refused_and_the_setting_named(prometheus, start_prometheus):
    source = PrometheusSource(prometheus.url, AllowList([], setting="prometheus.allow"))
    other = start_prometheus()
    error = await refused(source, other)
    assert error.reason == "NotAllowed"
    assert str(error).endswith(
        "is not on the operator's allow-list: ask its administrator to add it to prometheus.allow"
    )
    assert other.asked == []
    await source.close()


async def test_a_wildcard_does_not_lead_back_to_the_operator_itself(prometheus):
    port = prometheus.url.rpartition(":")[2]
    source = PrometheusSource("", AllowList([f"http://*:{port}"]))
    with pytest.raises(SourceError, match=r"leads to 127\.0\.0\.1, an address that is refused") as caught:
        await source.read(LoadQuery("a/b", QUERY, 60, f"http://localhost:{port}"), start=NOW - 60, end=NOW, now=NOW)
    await source.close()
    assert caught.value.reason == "NotAllowed"
    assert prometheus.asked == []


async def test_without_an_address_and_a_default_the_cure_is_told():
    source = PrometheusSource()
    with pytest.raises(SourceError, match="no serverAddress is given, and the operator has no default"):
        await source.read(LoadQuery("a/b", QUERY, 60, ""), start=NOW - 60, end=NOW, now=NOW)
