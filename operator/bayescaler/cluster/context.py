"""The namespace that a command means when none is given: that of the kubeconfig's context, or the pod's own."""

import os
from os import PathLike
from pathlib import Path

from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME
from kubernetes.aio.config.kube_config import list_kube_config_contexts

from .credentials import HOME_KUBECONFIG, SERVICE_ACCOUNT, UNREADABLE
from .errors import BadConfiguration

DEFAULT = "default"


def default_namespace(kubeconfig: str | PathLike[str] | None = None, context: str | None = None) -> str:
    """Return the namespace as kubectl would take it; the places are those of `KubeClient.connect`.

    Raises BadConfiguration.
    """
    named = os.fspath(kubeconfig) if kubeconfig is not None else os.environ.get("KUBECONFIG")
    if not named and os.environ.get(SERVICE_HOST_ENV_NAME):
        return _of_pod(SERVICE_ACCOUNT / "namespace")
    try:
        contexts, active = list_kube_config_contexts(named or HOME_KUBECONFIG)
    except UNREADABLE as error:
        raise BadConfiguration(f"kubeconfig {named or HOME_KUBECONFIG} cannot be used: {error}") from error
    wanted = active["name"] if context is None else context
    found = next((one for one in contexts if one["name"] == wanted), None)
    if found is None:
        raise BadConfiguration(f"kubeconfig {named or HOME_KUBECONFIG} has no context {wanted}")
    return str((found.get("context") or {}).get("namespace") or DEFAULT)


def _of_pod(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip() or DEFAULT
    except OSError:
        return DEFAULT
