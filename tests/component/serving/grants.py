"""Rights on an API server that enforces its roles: of visitors and scrapers, and of the operator that asks."""

from pathlib import Path

import yaml

from bayescaler import api
from bayescaler.sandbox.server import User, service_account

RBAC = "rbac.authorization.k8s.io"
RIGHTS = Path(__file__).resolve().parents[2] / "rbac.yaml"


def grant(server, user, *namespaces, verbs=("get",)):
    """Let a user do this to the objects of some namespaces, or of all (""); returns a token of them."""
    rule = {"apiGroups": [api.GROUP], "resources": [api.PLURAL], "verbs": list(verbs)}
    for place in namespaces:
        _bind(server, f"{user}-reads", [rule], {"apiGroup": RBAC, "kind": "User", "name": user}, namespace=place)
    return server.token(User(user, ("system:authenticated",)))


def grant_path(server, user, path):
    """Let a user get a path; returns a token of them."""
    rule = {"nonResourceURLs": [path], "verbs": ["get"]}
    _bind(server, f"{user}-reads", [rule], {"apiGroup": RBAC, "kind": "User", "name": user})
    return server.token(User(user, ("system:authenticated",)))


def _bind(server, name, rules, subject, *, namespace=""):
    kind, where = ("Role", {"namespace": namespace}) if namespace else ("ClusterRole", {})
    about = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": name, **where}}
    reference = {"apiGroup": RBAC, "kind": kind, "name": name}
    server.create(about | {"kind": kind, "rules": rules})
    server.create(about | {"kind": f"{kind}Binding", "roleRef": reference, "subjects": [subject]})


def operators_token(server):
    """A token of the operator's account, which may ask for the chart's reviews and nothing else."""
    account = {"kind": "ServiceAccount", "name": "bayescaler", "namespace": "bayescaler-system"}
    rules = []
    for right, verbs in yaml.safe_load(RIGHTS.read_text())["reviews"].items():
        group, _, resource = right.partition("/")
        rules.append({"apiGroups": [group], "resources": [resource], "verbs": verbs})
    _bind(server, "bayescaler-reviews", rules, account)
    return server.token(service_account("bayescaler-system", "bayescaler"))
