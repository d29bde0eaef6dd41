"""Secrets: what they may hold, and that nothing of it is ever shown."""

import pytest

from bayescaler.sources.auth import Auth, AuthError


@pytest.mark.parametrize(
    ("secret", "headers"),
    [
        ({}, {}),
        ({"token": b"abc"}, {"Authorization": "Bearer abc"}),
        ({"token": b"abc\r\n"}, {"Authorization": "Bearer abc"}),
        ({"username": b"me", "password": b"you"}, {"Authorization": "Basic bWU6eW91"}),
        ({"username": "jürgen".encode(), "password": b"x"}, {"Authorization": "Basic asO8cmdlbjp4"}),
        ({"header.X-Scope-OrgID": b"shop"}, {"X-Scope-OrgID": "shop"}),
        ({"header.Authorization": b"Custom abc"}, {"Authorization": "Custom abc"}),
        ({"token": b"abc", "namespace": b"shop"}, {"Authorization": "Bearer abc"}),
    ],
)
def test_a_secret_becomes_headers(secret, headers):
    assert dict(Auth.from_secret(secret).headers) == headers


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ({"bearerToken": b"canary"}, "unknown keys bearerToken; allowed are token, username, password"),
        ({"username": b"canary"}, "has username but not password"),
        ({"password": b"canary"}, "has password but not username"),
        ({"tls.crt": b"canary"}, "has tls.crt but not tls.key"),
        ({"tls.key": b"canary"}, "has tls.key but not tls.crt"),
        ({"token": b"canary", "username": b"canary", "password": b"canary"}, "token and username: give one way"),
        ({"token": b"canary", "header.authorization": b"canary"}, "give one way to authenticate"),
        ({"token": b""}, "token of the Secret is empty"),
        ({"token": b"\n"}, "token of the Secret is empty"),
        ({"token": b"canary\r\nX-Injected: 1"}, "line break or control character"),
        ({"token": b"\xff\xfecanary"}, "is not text"),
        ({"token": "canary€".encode()}, "is not text that a header can carry"),
        ({"header.": b"canary"}, "does not name a header"),
        ({"header.Host": b"canary"}, "does not name a header that may be set"),
        ({"header.Bad Name": b"canary"}, "does not name a header"),
        ({"ca.crt": b"canary"}, "ca.crt of the Secret holds no certificates"),
        ({"ca.crt": b"\xffcanary"}, "ca.crt of the Secret is not PEM text"),
        ({"tls.crt": b"canary", "tls.key": b"canary"}, "are not a PEM certificate and its open key"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_by_its_keys_alone(secret, words):
    with pytest.raises(AuthError) as caught:
        Auth.from_secret(secret)
    assert words in str(caught.value)
    assert "canary" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.reason == "AuthInvalid"


def test_nothing_of_a_secret_is_shown():
    auth = Auth.from_secret({"username": b"canary-user", "password": b"canary-pass", "header.X-Key": b"canary-key"})
    assert repr(auth) == "Auth(kinds=('header.X-Key', 'password', 'username'))"
    echoed = f"no {auth.headers['Authorization']} nor {auth.headers['X-Key']}"
    assert auth.redact(echoed) == "no *** nor ***"


def test_the_same_secret_read_twice_is_the_same_so_that_connections_stay():
    data = {"token": b"abc"}
    assert Auth.from_secret(data) == Auth.from_secret(dict(data))
    assert Auth.from_secret(data) != Auth.from_secret({"token": b"abd"})
