"""What goes with a deleted object: dependents by propagation policy, and contents of namespaces and definitions."""

import pytest

from bayescaler.sandbox.server import StatusError

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.dev"},
    "spec": {
        "group": "example.dev",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


def config_map(name, *owners, finalizers=(), namespace="default"):
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": o["metadata"]["name"], "uid": o["metadata"]["uid"]}
        for o in owners
    ]
    metadata = {"name": name, "namespace": namespace, "ownerReferences": references, "finalizers": list(finalizers)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def names(server, namespace="default"):
    return [name for (_, name), _ in server.store.items(("", "configmaps"), namespace)]


@pytest.fixture
def family(server):
    owner = server.create(config_map("owner"))
    child = server.create(config_map("child", owner))
    server.create(config_map("grandchild", child))
    server.create(config_map("stranger"))
    return owner


async def delete(http, name, policy):
    path = f"/api/v1/namespaces/default/configmaps/{name}"
    return await http.call("DELETE", path, {"propagationPolicy": policy})


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_dependents_go_with_their_owner(server, http, family, policy):
    assert (await delete(http, "owner", policy))[0] == 200
    assert names(server) == ["stranger"]


async def test_orphans_stay_and_forget_their_owner(server, http, family):
    await delete(http, "owner", "Orphan")
    assert names(server) == ["child", "grandchild", "stranger"]
    assert "ownerReferences" not in server.get("v1", "ConfigMap", "child")["metadata"]


async def test_in_the_foreground_the_owner_waits_for_a_held_dependent(server, http, family):
    server.patch("v1", "ConfigMap", "child", {"metadata": {"finalizers": ["example.dev/hold"]}})
    _, body, _ = await delete(http, "owner", "Foreground")
    assert body["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert names(server) == ["child", "owner", "stranger"]
    server.patch("v1", "ConfigMap", "child", {"metadata": {"finalizers": None}})
    assert names(server) == ["stranger"]


async def test_a_dependent_with_another_owner_stays(server, http, family):
    other = server.create(config_map("other"))
    server.create(config_map("shared", family, other))
    await delete(http, "owner", "Background")
    assert names(server) == ["other", "shared", "stranger"]
    assert [o["name"] for o in server.get("v1", "ConfigMap", "shared")["metadata"]["ownerReferences"]] == ["other"]


def test_a_namespace_ends_with_its_contents_and_takes_nothing_new_meanwhile(server):
    server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    server.create(config_map("a", namespace="shop"))
    server.create(config_map("held", namespace="shop", finalizers=["example.dev/hold"]))
    server.delete("v1", "Namespace", "shop")
    assert names(server, "shop") == ["held"]
    assert server.get("v1", "Namespace", "shop")["status"]["phase"] == "Terminating"
    with pytest.raises(StatusError, match="because it is being terminated"):
        server.create(config_map("late", namespace="shop"))
    server.patch("v1", "ConfigMap", "held", {"metadata": {"finalizers": None}}, namespace="shop")
    with pytest.raises(StatusError, match='namespaces "shop" not found'):
        server.get("v1", "Namespace", "shop")


def test_a_definition_takes_its_objects_and_its_kind_along(server):
    server.create(CRD)
    server.create({"apiVersion": "example.dev/v1", "kind": "Thing", "metadata": {"name": "one"}})
    server.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.example.dev")
    assert server.store.items(("example.dev", "things")) == []
    with pytest.raises(LookupError, match="create its CustomResourceDefinition first"):
        server.create({"apiVersion": "example.dev/v1", "kind": "Thing", "metadata": {"name": "two"}})
