"""The namespace of a command that names none is the one that kubectl would take."""

import pytest
import yaml

from bayescaler.cluster.context import default_namespace
from bayescaler.cluster.errors import BadConfiguration


def kubeconfig(path, *, current="one"):
    contexts = [
        {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
        {"name": "two", "context": {"cluster": "c", "user": "u"}},
    ]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "contexts": contexts,
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_it_is_that_of_the_current_context_or_of_the_one_named(tmp_path):
    config = kubeconfig(tmp_path / "config")
    assert default_namespace(config) == "shop"
    assert default_namespace(config, "two") == "default"


def test_the_environment_names_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config")))
    assert default_namespace() == "shop"


def test_a_context_or_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadConfiguration, match="no context three"):
        default_namespace(kubeconfig(tmp_path / "config"), "three")
    with pytest.raises(BadConfiguration, match="nowhere"):
        default_namespace(tmp_path / "nowhere")


def test_in_a_pod_it_is_the_pods_own(tmp_path, monkeypatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setattr("bayescaler.cluster.context.SERVICE_ACCOUNT", tmp_path)
    assert default_namespace() == "default"
    (tmp_path / "namespace").write_text("shop\n")
    assert default_namespace() == "shop"
