"""Kubernetes quantities as numbers: 500m of CPU is 0.5, 1Gi is 1073741824."""

from kubernetes.utils.quantity import parse_quantity


def quantity(text: object) -> float:
    """Return a quantity as a number. Raises ValueError."""
    return float(parse_quantity(str(text)))
