"""Reviews of tokens and of access: who somebody is, and what their roles let them do."""

import pytest

AUTHENTICATION, AUTHORIZATION = "authentication.k8s.io/v1", "authorization.k8s.io/v1"
TOKENS = f"/apis/{AUTHENTICATION}/tokenreviews"
ACCESS = f"/apis/{AUTHORIZATION}/subjectaccessreviews"
RBAC = "rbac.authorization.k8s.io"
ASKED = {"verb": "get", "resource": "pods"}


def token_review(token, **more):
    return {"apiVersion": AUTHENTICATION, "kind": "TokenReview", "spec": {"token": token, **more}}


def access_review(user, **attributes):
    return {"apiVersion": AUTHORIZATION, "kind": "SubjectAccessReview", "spec": {**user, **attributes}}


@pytest.fixture
async def account(api):
    """A ServiceAccount and a token of it."""
    accounts = f"/api/v1/namespaces/{api.namespace}/serviceaccounts"
    await api.made(accounts, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader"}})
    return await token(api)


async def token(api, **more):
    """Another token of that ServiceAccount."""
    path = f"/api/v1/namespaces/{api.namespace}/serviceaccounts/reader/token"
    body = {"apiVersion": AUTHENTICATION, "kind": "TokenRequest", "spec": {"expirationSeconds": 600, **more}}
    return (await api.made(path, body))["status"]["token"]


async def test_a_token_is_its_accounts(api, account):
    reply = await api.post(TOKENS, token_review(account))
    assert reply.code == 201
    assert reply["status"]["authenticated"] is True
    user = reply["status"]["user"]
    assert user["username"] == f"system:serviceaccount:{api.namespace}:reader"
    expected = {"system:serviceaccounts", f"system:serviceaccounts:{api.namespace}", "system:authenticated"}
    assert set(user["groups"]) == expected


async def test_a_token_is_for_its_audience_alone(api, account):
    theirs = await token(api, audiences=["bayescaler"])
    for given, asked, found in (
        (theirs, ["bayescaler"], ["bayescaler"]),
        (theirs, ["elsewhere", "bayescaler"], ["bayescaler"]),
        (theirs, ["elsewhere"], None),
        (theirs, [], None),
        (account, ["bayescaler"], None),
    ):
        status = (await api.post(TOKENS, token_review(given, audiences=asked)))["status"]
        assert (status.get("authenticated", False), status.get("audiences")) == (found is not None, found)
    told = (await api.post(TOKENS, token_review(account)))["status"]
    assert told["authenticated"] is True
    assert told["audiences"] != []


async def test_a_token_of_nobody_is_answered_and_not_authenticated(api):
    reply = await api.post(TOKENS, token_review("nonsense"))
    assert reply.code == 201
    assert "authenticated" not in reply["status"]
    assert reply["status"]["user"] == {}
    assert "invalid bearer token" in reply["status"]["error"]


async def test_a_review_without_a_token_is_refused(api):
    reply = await api.post(TOKENS, token_review(""))
    assert (reply.code, reply["message"]) == (400, "token is required for TokenReview in authentication")


async def test_access_is_what_the_roles_of_the_subject_say(api, account):
    user = {"user": f"system:serviceaccount:{api.namespace}:reader"}
    attributes = {"verb": "get", "group": "contract.bayescaler.dev", "resource": "widgets", "namespace": api.namespace}

    async def allowed(**changes):
        reply = await api.post(ACCESS, access_review(user, resourceAttributes=attributes | changes))
        assert reply.code == 201
        return reply["status"]["allowed"]

    assert not await allowed()
    roles = f"/apis/{RBAC}/v1/namespaces/{api.namespace}"
    about = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": "reader"}}
    rule = {"apiGroups": ["contract.bayescaler.dev"], "resources": ["widgets"], "verbs": ["get"]}
    await api.made(f"{roles}/roles", about | {"kind": "Role", "rules": [rule]})
    binding = {
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": api.namespace}],
    }
    await api.made(f"{roles}/rolebindings", about | binding)
    await api.until_true(allowed)
    assert not await allowed(namespace="")
    assert not await allowed(namespace="elsewhere")
    assert not await allowed(verb="list")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"user": "somebody"}, "spec"),
        ({"resourceAttributes": ASKED}, "spec.user"),
        (
            {"user": "somebody", "resourceAttributes": ASKED, "nonResourceAttributes": {"path": "/", "verb": "get"}},
            "spec",
        ),
    ],
    ids=["nothing asked", "of nobody", "two things asked"],
)
async def test_a_review_of_access_names_somebody_and_asks_one_thing(api, spec, field):
    reply = await api.post(ACCESS, access_review(spec))
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in reply["details"]["causes"]] == [field]


async def test_the_group_of_masters_may_do_everything(api):
    asked = {"verb": "delete", "resource": "nodes"}
    user = {"user": "somebody", "groups": ["system:masters"]}
    reply = await api.post(ACCESS, access_review(user, resourceAttributes=asked))
    assert reply["status"]["allowed"] is True
