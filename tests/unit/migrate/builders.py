"""An HPA and a ScaledObject to change for a story."""

import copy

import yaml

HPA = yaml.safe_load("""
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: checkout, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: checkout}
  minReplicas: 2
  maxReplicas: 40
  metrics:
  - type: Pods
    pods: {metric: {name: http_requests_per_second}, target: {type: AverageValue, averageValue: "50"}}
""")
SCALED_OBJECT = yaml.safe_load("""
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: checkout, namespace: shop}
spec:
  scaleTargetRef: {name: checkout}
  triggers:
  - type: prometheus
    metadata:
      serverAddress: http://prometheus.monitoring:9090
      query: sum(rate(http_requests_total{service="checkout"}[2m]))
      threshold: "50"
""")
PROMETHEUS = SCALED_OBJECT["spec"]["triggers"][0]
DEPLOYMENT = yaml.safe_load("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout, namespace: shop}
spec:
  template:
    spec:
      containers:
      - {name: web, resources: {requests: {cpu: 300m, memory: 1Gi}}}
      - {name: log, resources: {limits: {cpu: 100m, memory: 256Mi}}}
""")


def hpa(*metrics, **spec):
    """The HPA with these metrics instead of its own, and this of its spec (None takes a field away)."""
    made = copy.deepcopy(HPA)
    made["spec"] |= ({"metrics": list(metrics)} if metrics else {}) | spec
    return made


def scaled_object(*triggers, **spec):
    """The ScaledObject with these triggers instead of its own, and this of its spec."""
    made = copy.deepcopy(SCALED_OBJECT)
    made["spec"] |= ({"triggers": list(triggers)} if triggers else {}) | spec
    return made


def prometheus(metadata=None, **trigger):
    """Its trigger, changed."""
    return {**PROMETHEUS, "metadata": {**PROMETHEUS["metadata"], **(metadata or {})}, **trigger}


def resource(name="cpu", container=None, **target):
    """A Resource metric, or a ContainerResource one."""
    if container is None:
        return {"type": "Resource", "resource": {"name": name, "target": target}}
    return {"type": "ContainerResource", "containerResource": {"name": name, "container": container, "target": target}}


def external(**target):
    """An External metric."""
    metric = {"name": "queue_length", "selector": {"matchLabels": {"queue": "orders"}}}
    return {"type": "External", "external": {"metric": metric, "target": target}}


def told(migrated, topic):
    """The texts of its notes of a topic."""
    return [note.text for note in migrated.notes if note.topic == topic]
