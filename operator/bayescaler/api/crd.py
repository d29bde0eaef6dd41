"""The CustomResourceDefinition, made from the models: nothing in it is written twice."""

from copy import deepcopy
from functools import cache
from typing import Any

import yaml

from .resource import GROUP, KIND, PLURAL, SHORT, SINGULAR, VERSION, BayesianAutoscaler
from .schema import structural
from .spec import Spec
from .status import Status

HEADER = "# Made from operator/bayescaler/api by `bayescaler generate crd`; change it there.\n"
LINE_CHARACTERS = 118
# name, type, path, priority (1 shows with -o wide)
COLUMNS = (
    ("Target", "string", ".spec.scaleTargetRef.name", 0),
    ("Mode", "string", ".spec.mode", 0),
    ("Phase", "string", ".status.phase", 0),
    ("Min", "integer", ".spec.minReplicas", 0),
    ("Max", "integer", ".spec.maxReplicas", 0),
    ("Current", "integer", ".status.currentReplicas", 0),
    ("Desired", "integer", ".status.desiredReplicas", 0),
    ("Load", "number", ".status.lastDecision.load", 0),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Quantile", "number", ".status.forecast.quantile", 1),
    ("Horizon", "string", ".status.forecast.horizon", 1),
    ("Coverage", "number", ".status.calibration.coverage", 1),
)


def crd() -> dict[str, Any]:
    """Return the CustomResourceDefinition (apiextensions.k8s.io/v1); the caller's own, to change at will."""
    return deepcopy(_made())


@cache
def _made() -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": [SHORT],
                "categories": ["all", "autoscaling"],
            },
            "scope": "Namespaced",
            "versions": [_version()],
        },
    }


def crd_yaml() -> str:
    """Return the CustomResourceDefinition as the YAML file that is committed and installed."""
    return HEADER + yaml.dump(crd(), Dumper=_Plain, sort_keys=False, width=LINE_CHARACTERS, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, _data: object) -> bool:
        return True  # anchors are lost on readers of the file


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": ".spec.scaleTargetRef.name"}],
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "priority": priority}
            for name, kind, path, priority in COLUMNS
        ],
        "schema": {"openAPIV3Schema": _schema()},
    }


def _schema() -> dict[str, Any]:
    fields = BayesianAutoscaler.model_fields
    return {
        "type": "object",
        "description": BayesianAutoscaler.__doc__,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"{KIND}."},
            "metadata": {"type": "object"},
            "spec": structural(Spec) | {"description": fields["spec"].description},
            "status": structural(Status) | {"description": fields["status"].description},
        },
    }
