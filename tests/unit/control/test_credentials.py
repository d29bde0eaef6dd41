"""Secrets of authRefs: read by name from one namespace, remembered for a minute, told by name only."""

import base64

import pytest

from bayescaler.cluster.errors import Forbidden, NotFound
from bayescaler.control.credentials import REMEMBER_SECONDS, AuthenticatedSource, Credentials
from bayescaler.sources.port import LoadQuery, SourceError

from .builders import ADDRESS, MINUTE, NOON, Load, Wire


class Vault:
    def __init__(self):
        self.wire, self.now = Wire(), 0.0
        self.credentials = Credentials(self.wire, monotonic=lambda: self.now)
        self.put("first")

    def put(self, token):
        data = {"token": base64.b64encode(token.encode()).decode()}
        self.wire.answer = lambda method, path, body: {"data": data}

    def header(self):
        auth = self.credentials("shop/prom")
        return None if auth is None else auth.headers["Authorization"]


@pytest.fixture
def vault():
    return Vault()


async def test_the_secret_is_read_by_its_name_from_its_namespace(vault):
    assert vault.header() is None
    await vault.credentials.refresh("shop/prom")
    assert vault.header() == "Bearer first"
    assert [path for _, path, _ in vault.wire.sent] == ["/api/v1/namespaces/shop/secrets/prom"]


async def test_it_is_remembered_for_a_minute_and_then_read_again(vault):
    await vault.credentials.refresh("shop/prom")
    vault.put("rotated")
    vault.now = REMEMBER_SECONDS - 1.0
    await vault.credentials.refresh("shop/prom")
    assert vault.header() == "Bearer first"
    vault.now = REMEMBER_SECONDS
    await vault.credentials.refresh("shop/prom")
    assert vault.header() == "Bearer rotated"


@pytest.mark.parametrize(
    ("answer", "reason", "told"),
    [
        (NotFound(404, "NotFound", "no"), "SecretNotFound", "create it in the autoscaler's own namespace"),
        (Forbidden(403, "Forbidden", "no"), "SecretForbidden", "bind a Role"),
        ({"data": {"token": "%%%"}}, "SecretBadSecret", "'token' is not base64"),
        ({"data": {"password": base64.b64encode(b"canary").decode()}}, "AuthInvalid", "not username"),
        ({"data": {"surprise": base64.b64encode(b"canary").decode()}}, "AuthInvalid", "unknown keys surprise"),
    ],
    ids=["missing", "forbidden", "not base64", "half a pair", "unknown key"],
)
async def test_a_secret_that_cannot_be_used_is_a_source_error_with_the_cure_and_no_value(vault, answer, reason, told):
    vault.wire.answer = lambda method, path, body: answer
    with pytest.raises(SourceError, match=told) as refused:
        await vault.credentials.refresh("shop/prom")
    assert refused.value.reason == reason
    assert "canary" not in str(refused.value)


async def test_a_secret_that_was_deleted_is_not_used_any_longer(vault):
    await vault.credentials.refresh("shop/prom")
    vault.now = REMEMBER_SECONDS
    vault.wire.answer = lambda method, path, body: NotFound(404, "NotFound", "no")
    with pytest.raises(SourceError):
        await vault.credentials.refresh("shop/prom")
    assert vault.header() is None


async def test_a_query_without_an_auth_key_reads_no_secret(vault):
    source = AuthenticatedSource(Load(3.0), vault.credentials)
    window = {"start": NOON - MINUTE, "end": NOON, "now": NOON}
    series = await source.read(LoadQuery("shop/web", "q", MINUTE, ADDRESS), **window)
    assert series.values.tolist() == [3.0]
    assert vault.wire.sent == []
    await source.read(LoadQuery("shop/web", "q", MINUTE, ADDRESS, "shop/prom"), **window)
    assert len(vault.wire.sent) == 1
    await source.close()
