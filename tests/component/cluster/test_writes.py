"""Writing replicas and status: only to the object, and only from the state, that was decided on."""

import copy

import pytest

from bayescaler.cluster.autoscalers import list_autoscalers, patch_status
from bayescaler.cluster.discovery import ScaleResource
from bayescaler.cluster.errors import BadSecret, Forbidden, Moved, NotFound, Unprocessable
from bayescaler.cluster.scale import patch_scale
from bayescaler.cluster.secrets import read_secret

RESOURCE = ScaleResource("apps/v1", "Deployment", "deployments")
SCALE = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
STATUS = "/apis/bayescaler.dev/v1alpha1/namespaces/shop/bayesianautoscalers/web/status"
LIST = "/apis/bayescaler.dev/v1alpha1/bayesianautoscalers"
REJECTED = (422, "Invalid", "the server rejected our request due to an error in our request")


def patched(api, path, document):
    """The server applies JSON Patches to `document`; a failing test is a 422, and absent equals null."""

    async def answer(request):
        changed = copy.deepcopy(document)
        for operation in api.asked[-1].body:
            *parents, last = operation["path"].strip("/").split("/")
            place = changed
            for parent in parents:
                place = place[parent]
            if operation["op"] == "test" and place.get(last) != operation["value"]:
                return await api.status(*REJECTED)(request)
            if operation["op"] == "add":
                place[last] = operation["value"]
        document.update(changed)
        return await api.json(changed)(request)

    api.on("PATCH", path, answer)


async def test_replicas_are_set_on_the_object_and_from_the_number_decided_on(api, client):
    document = {"metadata": {"uid": "u1"}, "spec": {"replicas": 3}, "status": {"selector": "app=web"}}
    patched(api, SCALE, document)

    target = await patch_scale(client, RESOURCE, "shop", "web", uid="u1", expected=3, replicas=5)

    assert (target.uid, target.replicas, target.selector) == ("u1", 5, "app=web")
    (asked,) = api.asked
    assert asked.query == {"fieldManager": "bayescaler"}
    assert asked.headers["Content-Type"] == "application/json-patch+json"


@pytest.mark.parametrize(("spec", "expected", "replicas"), [({}, 0, 2), ({"replicas": 2}, 2, 0)])
async def test_zero_is_an_absent_field_on_the_way_up_and_a_number_on_the_way_down(
    api, client, spec, expected, replicas
):
    patched(api, SCALE, {"metadata": {"uid": "u1"}, "spec": spec})
    target = await patch_scale(client, RESOURCE, "shop", "web", uid="u1", expected=expected, replicas=replicas)
    assert target.replicas == replicas


@pytest.mark.parametrize(
    ("uid", "replicas"), [("u2", 3), ("u1", 4)], ids=["the target was recreated", "somebody else scaled it"]
)
async def test_a_target_that_moved_is_not_written(api, client, uid, replicas):
    document = {"metadata": {"uid": uid}, "spec": {"replicas": replicas}}
    patched(api, SCALE, document)
    with pytest.raises(Moved, match="Deployment shop/web is no longer u1 at 3 replicas"):
        await patch_scale(client, RESOURCE, "shop", "web", uid="u1", expected=3, replicas=5)
    assert document["spec"]["replicas"] == replicas


async def test_an_invalid_scale_is_not_mistaken_for_a_moved_target(api, client):
    causes = {"causes": [{"field": "spec.replicas", "message": "too many"}]}
    api.on("PATCH", SCALE, api.status(422, "Invalid", "no", details=causes))
    with pytest.raises(Unprocessable, match="no"):
        await patch_scale(client, RESOURCE, "shop", "web", uid="u1", expected=3, replicas=5)


async def test_negative_replicas_never_leave_the_process(api, client):
    with pytest.raises(ValueError, match="replicas -1 is negative"):
        await patch_scale(client, RESOURCE, "shop", "web", uid="u1", expected=3, replicas=-1)
    assert api.asked == []


async def test_status_is_replaced_whole(api, client):
    document = {"metadata": {"uid": "u1"}, "status": {"phase": "Learning", "old": True}}
    patched(api, STATUS, document)
    answer = await patch_status(client, "shop", "web", uid="u1", status={"phase": "Trusted"})
    assert answer["status"] == {"phase": "Trusted"}


async def test_a_recreated_namesake_does_not_get_the_old_status(api, client):
    document = {"metadata": {"uid": "u2"}}
    patched(api, STATUS, document)
    with pytest.raises(Moved, match="shop/web is no longer u1"):
        await patch_status(client, "shop", "web", uid="u1", status={"phase": "Trusted"})
    assert "status" not in document


async def test_a_status_the_schema_refuses_names_the_field(api, client):
    causes = {"causes": [{"field": "status.phase", "message": "Unsupported value"}]}
    api.on("PATCH", STATUS, api.status(422, "Invalid", "no", details=causes))
    with pytest.raises(Unprocessable) as caught:
        await patch_status(client, "shop", "web", uid="u1", status={"phase": "Odd"})
    assert caught.value.causes == ("status.phase: Unsupported value",)


async def test_autoscalers_are_listed_page_by_page(api, client):
    first = {"metadata": {"continue": "t"}, "items": [{"metadata": {"name": "a"}}]}
    api.on("GET", LIST, api.json(first), api.json({"metadata": {}, "items": [{"metadata": {"name": "b"}}]}))
    pages = [[raw["metadata"]["name"] for raw in page] async for page in list_autoscalers(client)]
    assert pages == [["a"], ["b"]]


async def test_a_secret_is_decoded(api, client):
    api.on("GET", "/api/v1/namespaces/shop/secrets/auth", api.json({"data": {"token": "aHVzaA==", "empty": ""}}))
    assert await read_secret(client, "shop", "auth") == {"token": b"hush", "empty": b""}


async def test_an_undecodable_secret_names_the_key_and_not_the_value(api, client):
    api.on("GET", "/api/v1/namespaces/shop/secrets/auth", api.json({"data": {"token": "hush!"}}))
    with pytest.raises(BadSecret) as caught:
        await read_secret(client, "shop", "auth")
    assert "'token'" in str(caught.value)
    assert "hush" not in str(caught.value)


async def test_a_missing_and_a_forbidden_secret_say_what_to_do(api, client):
    path = "/api/v1/namespaces/shop/secrets/auth"
    with pytest.raises(NotFound, match="Secret shop/auth is not there: create it"):
        await read_secret(client, "shop", "auth")
    api.on("GET", path, api.status(403, "Forbidden", "no"))
    with pytest.raises(Forbidden, match=r"resourceNames \[auth\]"):
        await read_secret(client, "shop", "auth")
