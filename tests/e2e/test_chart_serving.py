"""What the chart serves, and to whom: metrics and probes with and without TLS, who scrapes them, the console."""

import pytest
from harness.chart import NAMESPACE, Helm, of_kind, operator_pod, pod_of
from harness.chart_matrix import MATRIX

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
OVER_TLS, FOR_TOKENS = MATRIX["metrics over TLS"], MATRIX["metrics for tokens"]
CONSOLE = MATRIX["console"]


def test_the_console_is_in_the_service_with_a_certificate_alone(helm: Helm) -> None:
    manifests = helm.template(CONSOLE)
    pod = operator_pod(manifests)
    (operator,), (service,) = pod["containers"], of_kind(manifests, "Service")
    assert {"--console=0.0.0.0:9443", "--console-tls-cert=/etc/bayescaler/console/tls.crt"} <= set(operator["args"])
    assert {"name": "console-tls", "secret": {"secretName": "console-tls"}} in pod["volumes"]
    mounted = {"name": "console-tls", "mountPath": "/etc/bayescaler/console", "readOnly": True}
    assert mounted in operator["volumeMounts"]
    assert {"name": "console", "containerPort": 9443} in operator["ports"]
    assert {"name": "console", "port": 9443, "targetPort": "console"} in service["spec"]["ports"]

    issuer = {"kind": "Issuer", "name": "internal"}
    manifests = helm.template({"console": {"enabled": True, "tls": {"issuerRef": issuer}}})
    (certificate,) = of_kind(manifests, "Certificate")
    assert certificate["spec"]["issuerRef"] == issuer
    mounted = {"name": "console-tls", "secret": {"secretName": certificate["spec"]["secretName"]}}
    assert mounted in operator_pod(manifests)["volumes"]
    assert not of_kind(helm.template({"console": {"tls": {"issuerRef": issuer}}}), "Certificate")

    manifests = helm.template({"console": {"enabled": True}})
    (operator,), (service,) = operator_pod(manifests)["containers"], of_kind(manifests, "Service")
    assert [one for one in operator["args"] if one.startswith("--console")] == ["--console=127.0.0.1:8443"]
    assert [one["name"] for one in service["spec"]["ports"]] == ["metrics"]
    assert "console" not in str(operator_pod(helm.template({})))


def test_the_port_of_metrics_and_probes_speaks_tls_by_the_secret_that_is_mounted(helm: Helm) -> None:
    for values, secret in ((OVER_TLS, "metrics-cert"), (FOR_TOKENS, "bayescaler-metrics-tls")):
        pod = operator_pod(helm.template(values))
        (operator,) = pod["containers"]
        assert {"name": "metrics-tls", "secret": {"secretName": secret}} in pod["volumes"]
        mount = {"name": "metrics-tls", "mountPath": "/etc/bayescaler/metrics", "readOnly": True}
        assert mount in operator["volumeMounts"]
        folder = mount["mountPath"]
        assert {f"--listen-tls-cert={folder}/tls.crt", f"--listen-tls-key={folder}/tls.key"} <= set(operator["args"])
        assert ("--metrics-auth" in operator["args"]) is values["metrics"].get("auth", False)
        assert {operator[probe]["httpGet"]["scheme"] for probe in PROBES} == {"HTTPS"}
    (plain,) = operator_pod(helm.template({}))["containers"]
    assert not any("scheme" in plain[probe]["httpGet"] for probe in PROBES)
    assert not {one for one in plain["args"] if "tls" in one or "auth" in one}


def test_cert_manager_is_asked_for_the_names_that_a_scraper_checks(helm: Helm) -> None:
    manifests = helm.template(FOR_TOKENS)
    (certificate,), (monitor,) = of_kind(manifests, "Certificate"), of_kind(manifests, "ServiceMonitor")
    (service,) = of_kind(manifests, "Service")
    (end,) = monitor["spec"]["endpoints"]
    assert certificate["spec"]["issuerRef"] == {"kind": "ClusterIssuer", "name": "internal"}
    assert certificate["spec"]["secretName"] == end["tlsConfig"]["ca"]["secret"]["name"]
    assert end["tlsConfig"]["serverName"] in certificate["spec"]["dnsNames"]
    assert end["tlsConfig"]["serverName"] == f"{service['metadata']['name']}.{NAMESPACE}.svc"


def test_a_monitor_scrapes_as_the_metrics_are_served(helm: Helm) -> None:
    (monitor,) = of_kind(helm.template(FOR_TOKENS), "ServiceMonitor")
    (end,) = monitor["spec"]["endpoints"]
    assert end["scheme"] == "https"
    assert end["bearerTokenFile"].startswith("/var/run/secrets/")

    key = {"name": "scraper", "key": "token"}
    more = {"kind": "PodMonitor", "enabled": True, "credentials": key, "tlsConfig": {"insecureSkipVerify": True}}
    (monitor,) = of_kind(helm.template({"metrics": FOR_TOKENS["metrics"] | {"monitor": more}}), "PodMonitor")
    (end,) = monitor["spec"]["podMetricsEndpoints"]
    assert (end["authorization"], end["tlsConfig"]) == ({"credentials": key}, {"insecureSkipVerify": True})
    assert "bearerTokenFile" not in end

    (monitor,) = of_kind(helm.template(OVER_TLS), "PodMonitor")
    assert not {"authorization", "bearerTokenFile"} & monitor["spec"]["podMetricsEndpoints"][0].keys()


@pytest.mark.parametrize(("kind", "ends"), [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")])
def test_a_monitor_finds_the_metrics(helm: Helm, kind: str, ends: str) -> None:
    manifests = helm.template({"metrics": {"monitor": {"enabled": True, "kind": kind, "interval": "30s"}}})
    (monitor,), (service,) = of_kind(manifests, "ServiceMonitor", "PodMonitor"), of_kind(manifests, "Service")
    (deployment,) = of_kind(manifests, "Deployment")
    (container,) = pod_of(deployment)["containers"]
    of_pod = deployment["spec"]["template"]["metadata"]["labels"], container["ports"][0]["name"]
    of_service = service["metadata"]["labels"], service["spec"]["ports"][0]["name"]
    labels, port = of_service if kind == "ServiceMonitor" else of_pod
    assert monitor["kind"] == kind
    assert monitor["spec"].keys() == {"selector", ends}
    assert monitor["spec"][ends] == [{"port": port, "honorLabels": True, "interval": "30s"}]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
