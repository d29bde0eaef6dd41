"""`/metrics` over TLS and for tokens, as the chart sets it up: the real API server reviews, by the chart's rights."""

from pathlib import Path

import pytest
import requests
from harness.certs import CertificateAuthority
from harness.release import OperatorProcess, Release

HOME = "guarded-system"


def test_a_scraper_that_may_get_the_path_reads_them_over_tls_and_nobody_else(
    release: Release, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = release.cluster
    values = {
        "watchNamespaces": [namespace],
        "crds": {"install": False},
        "rbac": {"aggregate": False},
        "metrics": {"auth": True, "tls": {"secretName": "metrics-cert"}},
    }
    guarded = Release(cluster, values, name="bayescaler-guarded", namespace=HOME)
    guarded.install()
    pair = (authority := CertificateAuthority("metrics", tmp_path)).issue("operator", hosts=["127.0.0.1"])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
    mounted = [f"--listen-tls-cert={pair.certificate}", f"--listen-tls-key={pair.key}"]
    process = OperatorProcess(guarded, tmp_path, mounted)
    process.url = process.url.replace("http://", "https://")
    for who in ("prometheus", "stranger"):
        cluster.kubectl("create", "serviceaccount", who, "-n", namespace)
    cluster.kubectl("create", "clusterrole", "metrics-reader", "--verb=get", "--non-resource-url=/metrics")
    account = f"--serviceaccount={namespace}:prometheus"
    cluster.kubectl("create", "clusterrolebinding", "metrics-reader", "--clusterrole=metrics-reader", account)
    try:
        with process as operator:

            def scraped(token: str | None) -> tuple[int, str]:
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                answer = requests.get(f"{operator.url}/metrics", headers=headers, timeout=10.0)
                return answer.status_code, answer.text

            assert [scraped(None), scraped("nonsense")] == [(401, "")] * 2
            assert scraped(cluster.token(namespace, "stranger")) == (403, "")
            status, text = scraped(cluster.token(namespace, "prometheus"))
            assert status == 200
            assert 'bayescaler_http_requests_total{code="401",server="endpoints"} 2.0' in text
            assert operator.refusals() == []
    finally:
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", "metrics-reader")
        guarded.uninstall()
