"""Tokens for an audience of one's own: those are taken alone, and the API server takes none of them."""

import pytest

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ApiError
from bayescaler.cluster.reviews import owner_of
from bayescaler.sandbox.server import SandboxServer, User
from bayescaler.serving.access import Access, Refused

from .grants import operators_token

VIEWER = User("viewer", ("system:authenticated",))
OURS = "bayescaler"


@pytest.fixture
async def server():
    async with SandboxServer(authorize=True) as server:
        yield server


async def connected(server, folder, token):
    return await KubeClient.connect(server.write_kubeconfig(folder / "kubeconfig", token=token))


async def test_a_token_is_taken_where_it_is_for_an_audience_that_was_asked_for(server, tmp_path):
    ours, theirs = server.guard.issue(VIEWER, [OURS]), server.token(VIEWER)
    async with await connected(server, tmp_path, operators_token(server)) as client:
        for audiences, taken, refused in (((OURS, "other"), ours, theirs), ((), theirs, ours)):
            async with Access(client, audiences=audiences) as access:
                assert (await access.subject(f"Bearer {taken}")).name == "viewer"
                with pytest.raises(Refused) as told:
                    await access.subject(f"Bearer {refused}")
                assert told.value.status == 401


async def test_whoever_is_handed_such_a_token_can_do_nothing_with_it_at_the_api_server(server, tmp_path):
    async with await connected(server, tmp_path, server.guard.issue(VIEWER, [OURS])) as client:
        with pytest.raises(ApiError) as told:
            await client.request("GET", "/api/v1/namespaces")
        assert told.value.status == 401


class Unaware:
    """An API server that has looked whose token it is, not for whom."""

    async def request(self, *_, **__):
        return {"status": {"authenticated": True, "user": {"username": "viewer"}}}


async def test_an_answer_that_names_no_audience_is_no_yes():
    assert await owner_of(Unaware(), "token", [OURS]) is None
    assert (await owner_of(Unaware(), "token")).name == "viewer"
