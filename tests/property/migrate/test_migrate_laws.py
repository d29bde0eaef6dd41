"""Whatever stands in a field: a manifest that would be taken once filled in, or one line that says what is wrong."""

import copy

import yaml
from hypothesis import given
from hypothesis import strategies as some

from bayescaler import api
from bayescaler.migrate import MigrateError, Unsaid, from_hpa, from_scaledobject

HPA = yaml.safe_load("""
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop, labels: {app: web}, ownerReferences: [{kind: App, name: x}]}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 40
  metrics:
  - type: External
    external: {metric: {name: queue, selector: {matchLabels: {queue: a}}}, target: {type: Value, value: "50"}}
  behavior:
    scaleUp: {stabilizationWindowSeconds: 30, selectPolicy: Min, tolerance: 50m}
    scaleDown: {policies: [{type: Pods, value: 4, periodSeconds: 60}]}
""")
SCALED_OBJECT = yaml.safe_load("""
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: web, namespace: shop, annotations: {autoscaling.keda.sh/paused: "true"}}
spec:
  scaleTargetRef: {name: web}
  pollingInterval: 20
  cooldownPeriod: 60
  idleReplicaCount: 0
  minReplicaCount: 1
  maxReplicaCount: 20
  fallback: {failureThreshold: 3, replicas: 6, behavior: static}
  advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleDown: {selectPolicy: Max}}}}
  triggers:
  - type: prometheus
    metricType: AverageValue
    metadata: {serverAddress: "http://a:9090", query: sum(a), threshold: "5", activationThreshold: "1"}
    authenticationRef: {name: creds}
  - {type: cron, metadata: {timezone: Europe/Berlin, start: 0 8 * * *, end: 0 9 * * *, desiredReplicas: "3"}}
""")
TEXTS = some.sampled_from(
    ["", " ", "x", "0", "-1", "1e400", "nan", "5m", "true", "a\nb: c", "\x1b[0m", "🙂", "Value", "cron"]
)
JUNK = some.recursive(
    some.none() | some.booleans() | some.integers(-5, 10**12) | some.floats() | TEXTS,
    lambda below: some.lists(below, max_size=2) | some.dictionaries(TEXTS | some.integers(), below, max_size=2),
    max_leaves=3,
)


def places(value, path=()):
    """Every path in an object."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in below:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(obj, path, junk):
    made = copy.deepcopy(obj)
    parent = made
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = junk
    return made


def outcome(convert, obj, unsaid):
    """The migration, or the line of its refusal."""
    try:
        return convert(obj, unsaid)
    except MigrateError as error:
        return str(error)


def faults(manifest):
    """Paths of the fields that admission would refuse."""
    try:
        api.parse_spec(manifest)
    except api.SpecError as error:
        return {problem.path for problem in error.problems}
    return set()


@given(some.data(), some.sampled_from([Unsaid(), Unsaid(query="sum(queue)")]))
def test_a_hostile_field_makes_a_good_manifest_or_one_clear_line(data, unsaid):
    convert, obj = data.draw(some.sampled_from([(from_hpa, HPA), (from_scaledobject, SCALED_OBJECT)]))
    path = data.draw(some.sampled_from(list(places(obj))))

    made = outcome(convert, changed(obj, path, data.draw(JUNK)), unsaid)

    if isinstance(made, str):
        assert made.isprintable()
    else:
        assert yaml.safe_load(made.yaml()) == made.manifest
        assert faults(made.manifest) == set(made.unfilled)
        assert made.manifest["spec"]["mode"] == "Observe"
        assert made.name.isprintable()
