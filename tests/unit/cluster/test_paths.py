"""Paths of objects; a name is never a way to another object."""

import pytest

from bayescaler.cluster.errors import BadName
from bayescaler.cluster.paths import collection, item


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (collection("v1", "pods"), "/api/v1/pods"),
        (collection("apps/v1", "deployments", "shop"), "/apis/apps/v1/namespaces/shop/deployments"),
        (item("v1", "secrets", "shop", "auth"), "/api/v1/namespaces/shop/secrets/auth"),
        (item("apps/v1", "deployments", "shop", "web", "scale"), "/apis/apps/v1/namespaces/shop/deployments/web/scale"),
        (item("v1", "secrets", "shop", "a?b#c"), "/api/v1/namespaces/shop/secrets/a%3Fb%23c"),
    ],
)
def test_where_objects_live(path, expected):
    assert path == expected


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "%2e%2e"])
def test_a_name_that_is_no_segment_is_refused(name):
    with pytest.raises(BadName, match="cannot be part of a path"):
        item("v1", "secrets", "shop", name)
    with pytest.raises(BadName, match="namespace"):
        item("v1", "secrets", name, "auth")
