"""`behavior` of an HPA, written out with every default that its controller would have filled in.

Source: `pkg/apis/autoscaling/v2/defaults.go` of Kubernetes and the flags of kube-controller-manager.
"""

from typing import Any

from . import given
from .notes import Notes, Topic

CONTROLLER_TOLERANCE = 0.1  # --horizontal-pod-autoscaler-tolerance
CONTROLLER_WINDOW_SECONDS = 300  # --horizontal-pod-autoscaler-downscale-stabilization
PERCENT = given.Policy(type="Percent", value=100, period_seconds=15)
PODS = given.Policy(type="Pods", value=4, period_seconds=15)


def behavior_of(behavior: given.Behavior | None, path: str, notes: Notes) -> dict[str, Any]:
    """Return both directions in full; `path` names the field in notes."""
    up, down = (behavior.scale_up, behavior.scale_down) if behavior else (given.Rules(), given.Rules())
    made = {"scaleUp": _rules(up, 0, (PODS, PERCENT)), "scaleDown": _rules(down, CONTROLLER_WINDOW_SECONDS, (PERCENT,))}
    flags = [
        f"{name}.tolerance {CONTROLLER_TOLERANCE:g}"
        for name, r in zip(made, (up, down), strict=True)
        if r.tolerance is None
    ]
    if down.stabilization_window_seconds is None:
        flags.append(f"scaleDown.stabilizationWindowSeconds {CONTROLLER_WINDOW_SECONDS}")
    if flags:
        notes.add(Topic.ASSUMED, f"behavior.{', '.join(flags)}: the defaults of kube-controller-manager's flags")
    if behavior is None:
        notes.add(
            Topic.DIFFERS,
            f"{path} is unset: an HPA without it goes from fewer than 4 replicas to 4, or to twice as many, at most; "
            "here 4 may be added",
        )
    if made["scaleUp"]["tolerance"]:
        notes.add(
            Topic.DIFFERS,
            f"behavior.scaleUp.tolerance {made['scaleUp']['tolerance']:g}: an HPA lets so much more load pass; here a "
            "load above what the replicas serve adds one at once",
        )
    return made


def _rules(rules: given.Rules, window: int, policies: tuple[given.Policy, ...]) -> dict[str, Any]:
    given_window, tolerance = rules.stabilization_window_seconds, rules.tolerance
    chosen = policies if rules.policies is None else rules.policies
    return {
        "stabilizationWindowSeconds": window if given_window is None else given_window,
        "selectPolicy": rules.select_policy,
        "tolerance": CONTROLLER_TOLERANCE if tolerance is None else tolerance,
        "policies": [{"type": p.type, "value": p.value, "periodSeconds": p.period_seconds} for p in chosen],
    }
