"""What is made of an HPA or a ScaledObject meets admission: taken when complete, refused by field when not."""

import pytest

from bayescaler import api
from bayescaler.migrate import Unsaid, from_hpa, from_scaledobject

MANIFESTS = "/apis/bayescaler.dev/v1alpha1/namespaces/default/bayesianautoscalers"
STRICT = f"{MANIFESTS}?dryRun=All&fieldValidation=Strict"
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
QUEUE = {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "20"}}}
TRIGGER = {
    "type": "prometheus",
    "metadata": {"serverAddress": "http://prometheus:9090", "query": "sum(queue)", "threshold": "5"},
}


def hpa(metric):
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 10,
            "metrics": [metric],
        },
    }


def scaled_object(**spec):
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"scaleTargetRef": {"name": "web"}, "triggers": [TRIGGER], **spec},
    }


@pytest.mark.parametrize(
    "migrated",
    [
        from_hpa(hpa(CPU), Unsaid(requests={"cpu": 0.25})),
        from_hpa(hpa(QUEUE), Unsaid(query="avg(queue)")),
        from_scaledobject(scaled_object()),
        from_scaledobject(scaled_object(triggers=[TRIGGER, TRIGGER], fallback={"failureThreshold": 3, "replicas": 6})),
    ],
    ids=["cpu", "external value", "prometheus", "two triggers, fallback"],
)
async def test_a_complete_one_is_taken_as_it_stands(http, migrated):
    await http.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", api.crd())

    code, answer, headers = await http.call("POST", STRICT, migrated.manifest)
    assert code == 201, answer
    assert "Warning" not in headers  # of fields that the schema does not have
    assert api.parse_spec(answer) == api.parse_spec(migrated.manifest)


@pytest.mark.parametrize(
    ("migrated", "field"),
    [
        (from_hpa(hpa(CPU)), "spec.capacity.perReplica"),
        (from_hpa(hpa(QUEUE)), "spec.load.prometheus.query"),
    ],
    ids=["requests unknown", "query unknown"],
)
async def test_one_to_be_filled_in_is_refused_by_the_field_it_named(http, migrated, field):
    await http.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", api.crd())

    code, answer, _ = await http.call("POST", STRICT, migrated.manifest)
    assert code == 422, answer
    assert {cause["field"] for cause in answer["details"]["causes"]} - {"", "<nil>"} == {field}
    assert migrated.unfilled == (field,)
