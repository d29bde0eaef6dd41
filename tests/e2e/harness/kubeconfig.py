"""Kubeconfigs: one cluster, one user by certificate or by token."""

import base64
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.certs import KeyPair


@dataclass(frozen=True)
class Cluster:
    """Where a cluster's API server is, and the certificate of its authority."""

    url: str
    authority: Path


def write_kubeconfig(path: Path, cluster: Cluster, user: str, login: KeyPair | str, *, namespace: str) -> Path:
    """Write a kubeconfig that its owner alone may read, and give its path; `login` is a certificate or a token."""
    if isinstance(login, str):
        credentials = {"token": login}
    else:
        credentials = {"client-certificate-data": _base64(login.certificate), "client-key-data": _base64(login.key)}
    there = {"server": cluster.url, "certificate-authority-data": _base64(cluster.authority)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "e2e", "cluster": there}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": user, "namespace": namespace}}],
        "current-context": "e2e",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return path


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
