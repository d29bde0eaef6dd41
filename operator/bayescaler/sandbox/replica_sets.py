"""ReplicaSets of a Deployment: one for each of its templates, and which of its pods go first."""

from typing import Any

from bayescaler.sandbox import pods
from bayescaler.sandbox.clock import epoch
from bayescaler.sandbox.pods import Json

HASH = "pod-template-hash"
REVISION_NUMBER = "deployment.kubernetes.io/revision"


def of(deployment: Json, name: str, number: int, made: Json) -> Json:
    """Return the ReplicaSet of a Deployment's template, still without replicas.

    `name` is the template's hash, `number` the revision, `made` what the store gives every new object.
    """
    about, spec = deployment["metadata"], deployment["spec"]
    selector, template = spec["selector"], spec["template"]
    labels = {**template.get("metadata", {}).get("labels", {}), HASH: name}
    metadata: dict[str, Any] = {
        "name": f"{about['name']}-{name}",
        "namespace": about["namespace"],
        **made,
        "generation": 1,
        "labels": labels,
        "annotations": {REVISION_NUMBER: str(number)},
        "ownerReferences": [pods.reference(deployment)],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata,
        "spec": {
            "replicas": 0,
            "selector": {**selector, "matchLabels": {**selector.get("matchLabels", {}), HASH: name}},
            "template": {**template, "metadata": {**template.get("metadata", {}), "labels": labels}},
        },
        "status": {"replicas": 0},
    }


def revision(replica_set: Json) -> int:
    """Return the number of the revision that it was made for; 0 where it does not say."""
    return int(replica_set["metadata"].get("annotations", {}).get(REVISION_NUMBER, 0))


def doomed(have: list[Json]) -> list[Json]:
    """Return pods in the order in which a scale-in takes them: not ready first, then the youngest."""

    def rank(pod: Json) -> tuple[bool, float, str]:
        return pods.is_ready(pod), -epoch(pod["metadata"]["creationTimestamp"]), pod["metadata"]["name"]

    return sorted(have, key=rank)
