"""Where something is served: no token in the clear, and a certificate that is renewed while it is served."""

import asyncio
import ssl

import pytest
from aiohttp import web

from bayescaler.serving.door import CannotServe, Door, opened
from bayescaler.serving.tls import BadCertificate, Files, renewed
from bayescaler.telemetry.metrics import Metrics

from .certificates import self_signed

ANYWHERE = "0.0.0.0"  # noqa: S104 - what is refused, or allowed on purpose


@pytest.mark.parametrize(
    ("door", "told"),
    [
        (Door(ANYWHERE, 0), "plain HTTP"),
        (Door("console.example", 0), "plain HTTP"),
        (Door("127.0.0.1", 0, certificate="cert.pem"), "--console-tls-key"),
        (Door(ANYWHERE, 0, option="--listen"), "--listen-tls-cert"),
    ],
)
def test_tokens_do_not_cross_a_network_in_the_clear(door, told):
    with pytest.raises(CannotServe, match=told):
        door.check()


@pytest.mark.parametrize(
    "door",
    [
        Door("127.0.0.1", 0),
        Door("::1", 0),
        Door("localhost", 0),
        Door(ANYWHERE, 0, plain_http=True),
        Door(ANYWHERE, 0, takes_tokens=False),
    ],
)
def test_plain_http_is_for_this_machine_or_where_it_is_allowed(door):
    door.check()


def test_no_tls_below_1_2_is_spoken(tmp_path):
    assert Files(*self_signed(tmp_path, "one")).context().minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_a_renewed_certificate_is_shown_to_the_next_connection(tmp_path, caplog):
    certificate, key = self_signed(tmp_path, "one")
    door = Door("127.0.0.1", 0, certificate, key)
    async with opened(web.Application(), door, Metrics(list).http_requests, name="console") as address:

        async def shown():
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            _, writer = await asyncio.open_connection("127.0.0.1", address.port, ssl=context)
            try:
                return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            finally:
                writer.close()
                await writer.wait_closed()

        first = await shown()
        assert await shown() == first
        for written in ("torn", "torn in another way"):  # renewed by half: the one before goes on
            key.write_text(written)
            assert [await shown() for _ in range(3)] == [first] * 3
        certificate.unlink()
        assert [await shown() for _ in range(3)] == [first] * 3
        assert caplog.messages.count("a certificate cannot be read anew") == 3, "once for each change of the files"
        self_signed(tmp_path, "two")
        assert await shown() != first


@pytest.mark.parametrize(
    "sent",
    [
        b"NONSENSE \x00\x01",
        b"GET /metrics HTTP/1.1\r\nAuthorization: Bearer SECRET\x00\x01",
        b"GET /metrics HTTP/1.1\r\nAuthorization: Bearer SECRET" + b"x" * 9000,
    ],
    ids=["no request", "a stray byte in the token", "a token too long"],
)
async def test_bytes_that_are_no_request_are_refused_and_counted_and_quoted_nowhere(sent, caplog):
    caplog.set_level("DEBUG")
    requests = Metrics(list).http_requests
    async with opened(web.Application(), Door("127.0.0.1", 0), requests, name="endpoints") as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(sent + b"\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert requests.labels("endpoints", "400")._value.get() == 1
    assert [record for record in caplog.records if record.name.startswith(("aiohttp", "bayescaler"))] == []


def test_a_certificate_that_is_not_there_is_told_by_name(tmp_path):
    with pytest.raises(BadCertificate, match=r"none\.pem"):
        renewed(Files(tmp_path / "none.pem", tmp_path / "key.pem"))
