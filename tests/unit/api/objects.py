"""Objects one field away from the least there can be: good ones, and bad ones with the field to blame."""

import copy
from typing import Any

MINIMAL: dict[str, Any] = {
    "apiVersion": "bayescaler.dev/v1alpha1",
    "kind": "BayesianAutoscaler",
    "metadata": {"name": "checkout", "namespace": "shop"},
    "spec": {
        "scaleTargetRef": {"name": "checkout"},
        "maxReplicas": 10,
        "load": {"prometheus": {"query": "sum(rate(requests_total[1m]))"}},
        "capacity": {"perReplica": 50},
    },
}
GONE = object()


def with_(path: str, value: Any) -> dict[str, Any]:
    """Return the minimal object with one field set (or GONE)."""
    obj = copy.deepcopy(MINIMAL)
    *parents, last = path.split(".")
    place = obj["spec"]
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return obj


SALE = {"name": "sale", "start": "0 8 * * 5", "duration": "4h", "minReplicas": 8}
POLICY = {"type": "Pods", "value": 1, "periodSeconds": 60}

LEARN = {"utilizationQuery": "avg(cpu)", "target": 0.7}
# (field set, value, path that both must blame)
BAD = [
    ("scaleTargetRef", GONE, "spec"),
    ("scaleTargetRef.name", "", "spec.scaleTargetRef.name"),
    ("scaleTargetRef.name", "Check_Out", "spec.scaleTargetRef.name"),
    ("scaleTargetRef.name", "x" * 254, "spec.scaleTargetRef.name"),
    ("scaleTargetRef.kind", "deployment", "spec.scaleTargetRef.kind"),
    ("scaleTargetRef.apiVersion", "apps/", "spec.scaleTargetRef.apiVersion"),
    ("maxReplicas", GONE, "spec"),
    ("maxReplicas", 0, "spec.maxReplicas"),
    ("maxReplicas", "10", "spec.maxReplicas"),
    ("maxReplicas", 2.5, "spec.maxReplicas"),
    ("maxReplicas", 1_000_000, "spec.maxReplicas"),
    ("minReplicas", -1, "spec.minReplicas"),
    ("minReplicas", True, "spec.minReplicas"),
    ("minReplicas", 11, "spec.minReplicas"),
    ("mode", "auto", "spec.mode"),
    ("mode", "Ceiling", "spec.mode"),
    ("paused", "yes", "spec.paused"),
    ("paused", 1, "spec.paused"),
    ("load", GONE, "spec"),
    ("load", "cpu", "spec.load"),
    ("load.prometheus", {}, "spec.load.prometheus"),
    ("load.prometheus.query", "", "spec.load.prometheus.query"),
    ("load.prometheus.query", " \n\t", "spec.load.prometheus.query"),
    ("load.prometheus.query", "x" * 4097, "spec.load.prometheus.query"),
    ("load.prometheus.query", 7, "spec.load.prometheus.query"),
    ("load.prometheus.serverAddress", "prometheus:9090", "spec.load.prometheus.serverAddress"),
    ("load.prometheus.serverAddress", "file:///etc/passwd", "spec.load.prometheus.serverAddress"),
    ("load.prometheus.serverAddress", "http://user:word@prometheus", "spec.load.prometheus.serverAddress"),
    ("load.prometheus.serverAddress", "http://prometheus/?a=b", "spec.load.prometheus.serverAddress"),
    ("load.prometheus.serverAddress", "http://p#f", "spec.load.prometheus.serverAddress"),
    ("load.prometheus.authRef", {}, "spec.load.prometheus.authRef"),
    ("load.prometheus.authRef.name", "../other", "spec.load.prometheus.authRef.name"),
    ("load.kind", "rate", "spec.load.kind"),
    ("load.step", "60", "spec.load.step"),
    ("load.step", 60, "spec.load.step"),
    ("load.step", "0s", "spec.load.step"),
    ("load.step", "-1m", "spec.load.step"),
    ("load.step", "1.5m", "spec.load.step"),
    ("load.step", "500ms", "spec.load.step"),
    ("load.step", "1 min", "spec.load.step"),
    ("load.step", "PT1M", "spec.load.step"),
    ("load.step", "", "spec.load.step"),
    ("load.step", "7m", "spec.load.step"),
    ("load.step", "2h", "spec.load.step"),
    ("capacity", {}, "spec.capacity"),
    ("capacity.perReplica", 0, "spec.capacity.perReplica"),
    ("capacity.perReplica", -5, "spec.capacity.perReplica"),
    ("capacity.perReplica", "50", "spec.capacity.perReplica"),
    ("capacity.perReplica", True, "spec.capacity.perReplica"),
    ("capacity", {"learn": LEARN | {"utilizationQuery": " "}}, "spec.capacity.learn.utilizationQuery"),
    ("capacity", {"learn": LEARN | {"target": 0}}, "spec.capacity.learn.target"),
    ("capacity", {"learn": LEARN | {"target": 70}}, "spec.capacity.learn.target"),
    ("capacity", {"learn": LEARN | {"floor": 60, "ceiling": 50}}, "spec.capacity.learn.floor"),
    ("capacity", {"learn": LEARN | {"floor": 0}}, "spec.capacity.learn.floor"),
    ("forecast.family", "Poisson", "spec.forecast.family"),
    ("forecast.history", "1h", "spec.forecast.history"),
    ("forecast.history", "9w", "spec.forecast.history"),
    ("forecast.history", "12h1d", "spec.forecast.history"),
    ("forecast.seasons", ["24h", "1d"], "spec.forecast.seasons"),
    ("forecast.seasons", ["30d"], "spec.forecast.seasons"),
    ("forecast.seasons", ["90s"], "spec.forecast.seasons"),
    ("forecast.seasons", ["601s"], "spec.forecast.seasons"),
    ("forecast.seasons", ["1h", "2h", "3h", "4h", "5h"], "spec.forecast.seasons"),
    ("forecast.seasons", "24h", "spec.forecast.seasons"),
    ("forecast.seasons", ["daily"], "spec.forecast.seasons[0]"),
    ("forecast.timeZone", "", "spec.forecast.timeZone"),
    ("forecast.timeZone", "../etc/passwd", "spec.forecast.timeZone"),
    ("forecast.canary", {}, "spec.forecast.canary"),
    ("forecast.canary", {"promote": "Never"}, "spec.forecast.canary"),
    ("forecast.canary", {"seasons": ["1d", "7d"]}, "spec.forecast.canary"),  # those of the default
    ("forecast.canary", {"family": "Gaussian", "history": "2w"}, "spec.forecast.canary"),
    ("forecast.canary", {"timeZone": "UTC"}, "spec.forecast.canary"),
    ("forecast.canary", {"family": "Auto"}, "spec.forecast.canary"),
    ("forecast.canary.family", "Poisson", "spec.forecast.canary.family"),
    ("forecast.canary.history", "1h", "spec.forecast.canary.history"),
    ("forecast.canary.seasons", ["5m"], "spec.forecast.canary.seasons"),
    ("forecast.canary.seasons", ["1h", "2h", "3h", "4h", "5h"], "spec.forecast.canary.seasons"),
    ("forecast.canary", {"seasons": [], "promote": "Always"}, "spec.forecast.canary.promote"),
    ("forecast.canary", {"seasons": [], "after": "5m"}, "spec.forecast.canary.after"),
    ("forecast.horizon", "auto", "spec.forecast.horizon"),
    ("forecast.horizon", "7h", "spec.forecast.horizon"),
    ("forecast.horizon", "1d", "spec.forecast.horizon"),
    ("forecast.horizon", "", "spec.forecast.horizon"),
    ("objective.quantile", 0, "spec.objective.quantile"),
    ("objective.quantile", 1, "spec.objective.quantile"),
    ("objective.quantile", 95, "spec.objective.quantile"),
    ("objective.quantile", "0.95", "spec.objective.quantile"),
    ("objective.buffer", -0.1, "spec.objective.buffer"),
    ("objective.buffer", 11, "spec.objective.buffer"),
    ("behavior.scaleUp.policies", [], "spec.behavior.scaleUp.policies"),
    ("behavior.scaleUp.policies", [POLICY] * 17, "spec.behavior.scaleUp.policies"),
    ("behavior.scaleUp.policies", [POLICY | {"type": "pods"}], "spec.behavior.scaleUp.policies[0].type"),
    ("behavior.scaleUp.policies", [POLICY | {"value": 0}], "spec.behavior.scaleUp.policies[0].value"),
    (
        "behavior.scaleDown.policies",
        [POLICY | {"periodSeconds": 1801}],
        "spec.behavior.scaleDown.policies[0].periodSeconds",
    ),
    (
        "behavior.scaleDown.stabilizationWindowSeconds",
        3601,
        "spec.behavior.scaleDown.stabilizationWindowSeconds",
    ),
    (
        "behavior.scaleDown.stabilizationWindowSeconds",
        "5m",
        "spec.behavior.scaleDown.stabilizationWindowSeconds",
    ),
    ("behavior.scaleDown.selectPolicy", "Off", "spec.behavior.scaleDown.selectPolicy"),
    ("behavior.scaleDown.tolerance", -0.1, "spec.behavior.scaleDown.tolerance"),
    ("behavior.scaleDown.tolerance", "0.1", "spec.behavior.scaleDown.tolerance"),
    ("fallback.after", "5s", "spec.fallback.after"),
    ("fallback.after", "25h", "spec.fallback.after"),
    ("fallback.reactive.targetUtilization", 0, "spec.fallback.reactive.targetUtilization"),
    ("fallback.reactive.targetUtilization", 70, "spec.fallback.reactive.targetUtilization"),
    ("fallback.replicas", -1, "spec.fallback.replicas"),
    ("fallback.replicas", 11, "spec.fallback.replicas"),
    ("load.activationThreshold", -1, "spec.load.activationThreshold"),
    ("load.activationThreshold", "5", "spec.load.activationThreshold"),
    ("schedules", [SALE, SALE], "spec.schedules"),
    ("schedules", [SALE | {"name": f"sale-{i}"} for i in range(17)], "spec.schedules"),
    ("schedules", [SALE | {"minReplicas": 11}], "spec.schedules"),
    ("schedules", [SALE | {"minReplicas": 1, "maxReplicas": 0}], "spec.schedules[0].minReplicas"),
    ("schedules", [SALE | {"maxReplicas": 7}], "spec.schedules[0].minReplicas"),
    ("schedules", [{key: SALE[key] for key in SALE if key != "minReplicas"}], "spec.schedules[0]"),
    ("schedules", [SALE | {"name": "Sale!"}], "spec.schedules[0].name"),
    ("schedules", [SALE | {"duration": "30s"}], "spec.schedules[0].duration"),
    ("schedules", [SALE | {"timeZone": "../etc/passwd"}], "spec.schedules[0].timeZone"),
    *(
        ("schedules", [SALE | {"start": start}], "spec.schedules[0].start")
        for start in (
            "0 8 * *",
            "0 0 8 * * 5",
            "@daily",
            "60 8 * * 5",
            "0 24 * * *",
            "0 8 0 * *",
            "0 8 32 * *",
            "0 8 * 13 *",
            "0 8 * * 8",
            "0 8 * * FRIDAY",
            "0 8 * * 5#6",
            "0 8 L-2 * *",
            "0 8 * * 5 ",
            "0,  8 * * 5",
            "* */ * * *",
        )
    ),
]

GOOD = [
    ("scaleTargetRef", {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "a.b-c"}),
    ("minReplicas", 0),
    ("minReplicas", 10),
    ("mode", "Observe"),
    ("paused", True),
    ("load.prometheus.serverAddress", "https://thanos.example:9091/select/0"),
    ("load.kind", "Gauge"),
    ("load.step", "15s"),
    ("load.step", "1h"),
    ("capacity.perReplica", 0.5),
    ("capacity", {"learn": LEARN}),
    ("capacity.learn", LEARN | {"floor": 50, "ceiling": 50}),
    ("forecast.history", "1w1d12h"),
    ("forecast.history", "8w"),
    ("forecast.seasons", []),
    ("forecast.seasons", ["24h", "7d", "1h", "4w"]),
    ("forecast.timeZone", "America/Argentina/Buenos_Aires"),
    ("forecast.timeZone", "Etc/GMT+5"),
    ("forecast.canary", {"seasons": []}),
    ("forecast.canary", {"seasons": ["168h", "24h"], "promote": "Never", "after": "1w"}),  # the first one counts most
    ("forecast.canary", {"family": "Gaussian", "history": "4w", "timeZone": "Europe/Berlin"}),
    ("forecast.horizon", "1m30s"),
    ("forecast.horizon", "6h"),
    ("forecast", None),
    ("objective.quantile", 0.999),
    ("behavior.scaleDown", {"selectPolicy": "Disabled"}),
    ("behavior.scaleUp.policies", [POLICY]),
    ("fallback.replicas", 0),
    ("fallback.after", "24h"),
    ("load.activationThreshold", 0.5),
    ("schedules", []),
    ("schedules", [SALE, SALE | {"name": "other", "timeZone": "Europe/Berlin", "maxReplicas": 10}]),
    ("schedules", [{"name": "night", "start": "0 22 * * *", "duration": "8h", "maxReplicas": 1}]),
    *(
        ("schedules", [SALE | {"start": start}])
        for start in (
            "*/15 8-18 1,15 jan-MAR 1-5",
            "0  8 L * *",
            "0 8 LW * *",
            "0 8 * * 5L",
            "0 8 * * FRI#2",
            "5/20 */6 * * 0,7",
        )
    ),
]


def named(case: tuple[Any, ...]) -> str:
    return f"{case[0]}={'absent' if case[1] is GONE else repr(case[1])[:24]}"
