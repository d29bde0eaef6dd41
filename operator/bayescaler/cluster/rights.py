"""What a refusal of the API server lacks: the exact rule, for whom and where, and how the chart grants it."""

import logging
import re

log = logging.getLogger(__name__)
MOST_TOLD = 1000
_REFUSAL = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)"| at the cluster scope)?'
)
_ACCOUNT = "system:serviceaccount:"


def missing_rule(refusal: str) -> str | None:
    """The rule that would have allowed what a 403 refuses, as one sentence; None where the server did not say."""
    found = _REFUSAL.search(refusal)
    if found is None:
        return None
    user, verb, resource, group, namespace = found.group("user", "verb", "resource", "group", "namespace")
    rule = f'{{apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["{verb}"]}}'
    where = f"in namespace {namespace}" if namespace else "in the whole cluster"
    who = f"ServiceAccount {user.removeprefix(_ACCOUNT).replace(':', '/')}" if user.startswith(_ACCOUNT) else user
    return (
        f"it lacks the rule {rule} {where}: grant it to {who} by {_value(group, resource)}, or bind a Role of your own"
    )


def _value(group: str, resource: str) -> str:
    """The chart's value that grants a right."""
    kind, _, subresource = resource.partition("/")
    if (group, kind) == ("", "secrets"):
        return "the chart's rbac.secrets"
    if subresource == "scale" and (group, kind) not in {("apps", "deployments"), ("apps", "statefulsets")}:
        return f"the chart's rbac.extraScaleTargets, {{group: {group}, resource: {kind}}}"
    return "the chart's rbac.create and watchNamespaces"


class Refusals:
    """Refusals met by one client: each rule that is missing is logged once, not at every try."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def note(self, refusal: str) -> None:
        """Log what a 403 lacks, if it is new."""
        rule = missing_rule(refusal)
        if rule is not None and rule not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(rule)
            log.info("a right is missing: %s", rule)
