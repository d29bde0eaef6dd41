"""Who keeps an object as a manifest has it, and so puts back what is changed in the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayescaler.policy.conflicts import GITOPS_MANAGERS

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Keeper:
    """`name` as people call it, what it does to a change, and where the change has to be made to last."""

    name: str
    does: str
    cure: str


ARGO = Keeper(
    "Argo CD",
    "puts the manifest back at its next sync, at once with selfHeal",
    "change the manifest in git, or list the field in ignoreDifferences of the Application",
)
FLUX = Keeper(
    "Flux",
    "puts the manifest back at its next reconciliation",
    "change the manifest in git, or suspend it meanwhile (flux suspend kustomization or helmrelease)",
)
HELM = Keeper("Helm", "puts the manifest back at the next helm upgrade", "change the values of the release too")

# What each leaves on what it applies: label or annotation, and the value it must have where others use the key too.
_MARKS: tuple[tuple[str, str | None, Keeper], ...] = (
    ("argocd.argoproj.io/tracking-id", None, ARGO),
    ("argocd.argoproj.io/instance", None, ARGO),
    ("kustomize.toolkit.fluxcd.io/name", None, FLUX),
    ("helm.toolkit.fluxcd.io/name", None, FLUX),
    ("app.kubernetes.io/managed-by", "Helm", HELM),
    ("meta.helm.sh/release-name", None, HELM),
)


def keeper_of(metadata: Json) -> Keeper | None:
    """Return who keeps the object, by its labels, annotations and field managers; None if nobody seems to."""
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    for key, value, keeper in _MARKS:
        if key in marks and value in {None, marks[key]}:
            return keeper
    managers = {str(entry.get("manager") or "") for entry in metadata.get("managedFields") or ()}
    found = sorted(managers & GITOPS_MANAGERS)
    if not found:
        return None
    return ARGO if found[0].startswith("argocd") else FLUX
