"""The chart's manifests for those who install without Helm: rendered by it, with nothing left that speaks of it."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

RELEASE, NAMESPACE = "bayescaler", "bayescaler-system"
HEADER = "# Made from charts/bayescaler by `bayescaler generate manifests`; change it there.\n"
OF_HELM = ("helm.sh/chart", "helm.sh/resource-policy", "app.kubernetes.io/managed-by")
RENDER_SECONDS = 60.0
LINE_CHARACTERS = 118

Manifest = dict[str, Any]


class CannotRender(Exception):  # noqa: N818 - named for what it tells
    """Helm is missing, or refused the chart."""


def plain_manifests(helm: str, chart: Path) -> str:
    """Return the chart in a folder, with its defaults, as YAML for `kubectl apply`.

    Hooks are left out: nothing would run them at the right time. Raises CannotRender.
    """
    manifests = [_namespace(), *(_without_helm(one) for one in _rendered(helm, chart))]
    return HEADER + yaml.dump_all(manifests, Dumper=_Plain, sort_keys=False, width=LINE_CHARACTERS, allow_unicode=True)


def _rendered(helm: str, chart: Path) -> list[Manifest]:
    command = [helm, "template", RELEASE, str(chart), f"--namespace={NAMESPACE}", "--no-hooks"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RENDER_SECONDS)  # noqa: S603 - the user's own helm
    except FileNotFoundError:
        raise CannotRender(f"{helm} is not installed: get it from https://helm.sh, or name one by --helm") from None
    except subprocess.TimeoutExpired:
        raise CannotRender(f"{helm} template: no end within {RENDER_SECONDS:g} s") from None
    if done.returncode:
        raise CannotRender(f"{helm} template: {done.stderr.strip()}")
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def _namespace() -> Manifest:
    """Return the operator's namespace, which takes no pod beyond the restricted profile."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def _without_helm(value: Any) -> Any:
    """Return a manifest, or a part of one, without the labels and annotations that only Helm reads."""
    if isinstance(value, list):
        return [_without_helm(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_helm(one) for key, one in value.items() if key not in OF_HELM}
    return {key: one for key, one in kept.items() if not (key == "annotations" and one == {})}


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, _data: object) -> bool:
        """Write what is shared out at each place: not every reader of YAML knows anchors."""
        return True
