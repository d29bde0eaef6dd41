"""Tokens and RBAC: what a ServiceAccount may do is what its roles say, and nothing else."""

import pytest

from bayescaler.sandbox.server import SandboxServer, service_account

RBAC = "rbac.authorization.k8s.io"
LEASE = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "leader"}, "spec": {}}


@pytest.fixture
def server(clock):
    server = SandboxServer(clock=clock, authorize=True)
    server.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator"}})
    return server


@pytest.fixture
def allow(server):
    def allow(rules, *, cluster=False):
        kind = "ClusterRole" if cluster else "Role"
        role = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": {"name": "r"}, "rules": rules}
        binding = {
            "apiVersion": f"{RBAC}/v1",
            "kind": f"{kind}Binding",
            "metadata": {"name": "b"},
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": "default"}],
        }
        server.create(role)
        server.create(binding)

    return allow


@pytest.fixture
def operator(server, http):
    http.token = server.token(service_account("default", "operator"))
    return http


async def test_without_a_known_token_nothing_is_answered(server, http):
    for token in ("", "nonsense"):
        http.token = token
        code, body, _ = await http.call("GET", "/api/v1/namespaces/default/pods")
        assert (code, body["reason"]) == (401, "Unauthorized")
    http.token = server.admin_token
    assert (await http.call("GET", "/api/v1/namespaces/default/pods"))[0] == 200


async def test_a_refusal_says_who_may_not_do_what_where(operator):
    code, body, _ = await operator.scale(3)
    assert (code, body["reason"]) == (403, "Forbidden")
    assert body["message"] == (
        'deployments.apps "web" is forbidden: User "system:serviceaccount:default:operator" cannot patch resource '
        '"deployments/scale" in API group "apps" in the namespace "default"'
    )


async def test_patching_a_scale_needs_no_rule_on_the_parent_nor_a_get(server, operator, allow, workload):
    server.create(workload())
    allow([{"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]}], cluster=True)
    assert (await operator.scale(3))[0] == 200
    assert (await operator.call("GET", "/apis/apps/v1/namespaces/default/deployments/web/scale"))[0] == 403
    assert (await operator.call("GET", "/apis/apps/v1/namespaces/default/deployments/web"))[0] == 403


async def test_a_subresource_wildcard_opens_every_scale(server, operator, allow, workload):
    server.create(workload())
    allow([{"apiGroups": ["*"], "resources": ["*/scale"], "verbs": ["get", "patch"]}], cluster=True)
    assert (await operator.scale(3))[0] == 200


async def test_a_role_holds_in_its_own_namespace_only(server, operator, allow):
    server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    allow([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}])
    assert (await operator.call("GET", "/api/v1/namespaces/default/secrets"))[0] == 200
    assert (await operator.call("GET", "/api/v1/namespaces/other/secrets"))[0] == 403
    assert (await operator.call("GET", "/api/v1/secrets"))[0] == 403


async def test_resource_names_let_a_put_create_but_not_a_post(operator, allow):
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["leader"]}
    allow([rule | {"verbs": ["get", "create", "update"]}])
    leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    assert (await operator.call("POST", leases, LEASE))[0] == 403
    assert (await operator.call("PUT", f"{leases}/leader", LEASE))[0] == 201
    other = {**LEASE, "metadata": {"name": "other"}}
    assert (await operator.call("PUT", f"{leases}/other", other))[0] == 403


async def test_a_watch_of_one_name_is_a_request_of_that_name(server, operator, allow):
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["login"], "verbs": ["list"]}
    allow([rule])
    secrets = "/api/v1/namespaces/default/secrets"
    assert (await operator.call("GET", f"{secrets}?fieldSelector=metadata.name%3Dlogin"))[0] == 200
    assert (await operator.call("GET", f"{secrets}?fieldSelector=metadata.name%3Dother"))[0] == 403
    assert (await operator.call("GET", secrets))[0] == 403


async def test_events_of_the_two_groups_need_a_rule_each(operator, allow):
    allow([{"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["list"]}])
    assert (await operator.call("GET", "/apis/events.k8s.io/v1/namespaces/default/events"))[0] == 200
    assert (await operator.call("GET", "/api/v1/namespaces/default/events"))[0] == 403


async def test_discovery_and_probes_are_open_to_every_account(operator):
    for path in ("/version", "/readyz", "/apis", "/apis/apps/v1", "/openapi/v3"):
        assert (await operator.call("GET", path))[0] == 200


async def test_a_revoked_token_is_unauthorized(server, operator):
    server.guard.revoke(operator.token)
    assert (await operator.call("GET", "/version"))[0] == 401


async def test_an_account_gets_a_token_by_the_token_request_api(server, http):
    http.token = server.admin_token
    path = "/api/v1/namespaces/default/serviceaccounts/operator/token"
    code, body, _ = await http.call("POST", path, {"spec": {"expirationSeconds": 600}})
    assert code == 201
    http.token = body["status"]["token"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    _, said, _ = await http.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    assert said["status"]["userInfo"]["username"] == "system:serviceaccount:default:operator"


@pytest.mark.parametrize(("verb", "allowed"), [("patch", True), ("delete", False)])
async def test_an_account_can_ask_what_it_may_do(operator, allow, verb, allowed):
    allow([{"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]}])
    attributes = {
        "verb": verb,
        "group": "apps",
        "resource": "deployments",
        "subresource": "scale",
        "namespace": "default",
    }
    review = {"spec": {"resourceAttributes": attributes}}
    _, body, _ = await operator.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert body["status"]["allowed"] is allowed
