"""The log of a pod that no node runs, and what is refused of it: all that an API server says without a kubelet."""

import pytest

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "talker"},
    "spec": {"automountServiceAccountToken": False, "containers": [{"name": "one", "image": "web:1"}]},
}


@pytest.fixture
async def pod(api):
    """A pod with one container, and one with two."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    await api.post(f"/api/v1/namespaces/{api.namespace}/serviceaccounts", account)  # no controller makes it here
    path = f"/api/v1/namespaces/{api.namespace}/pods"
    await api.made(path, POD)
    two = {**POD["spec"], "containers": [{"name": name, "image": "web:1"} for name in ("one", "two")]}
    await api.made(path, {**POD, "metadata": {"name": "pair"}, "spec": two})
    return path


async def test_a_pod_without_a_node_has_nothing_to_read(api, pod):
    reply = await api.get(f"{pod}/talker/log", container="one")
    assert (reply.code, reply.body) == (204, "")


async def test_a_pod_that_is_not_there_is_a_404(api, pod):
    reply = await api.get(f"{pod}/nobody/log")
    assert (reply.code, reply["message"]) == (404, 'pods "nobody" not found')


async def test_a_container_that_the_pod_does_not_have_is_refused(api, pod):
    reply = await api.get(f"{pod}/talker/log", container="three")
    assert (reply.code, reply["reason"]) == (400, "BadRequest")
    assert reply["message"] == "container three is not valid for pod talker"


async def test_of_several_containers_one_has_to_be_named(api, pod):
    reply = await api.get(f"{pod}/pair/log")
    assert reply.code == 400
    assert reply["message"] == "a container name must be specified for pod pair, choose one of: [one two]"


async def test_a_log_is_only_read(api, pod):
    assert (await api.post(f"{pod}/talker/log", {})).code == 405


async def test_discovery_tells_of_it(api, pod):
    listed = (await api.get("/api/v1"))["resources"]
    assert next(one["verbs"] for one in listed if one["name"] == "pods/log") == ["get"]
