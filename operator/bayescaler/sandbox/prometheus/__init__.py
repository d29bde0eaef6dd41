"""A Prometheus over the sandbox's clock: its HTTP API, a subset of PromQL told in `promql`, and faults on
demand.
"""

from bayescaler.sandbox.prometheus import faults
from bayescaler.sandbox.prometheus.functions import PROMETHEUS_2, PROMETHEUS_3, Dialect
from bayescaler.sandbox.prometheus.server import Received, SandboxPrometheus
from bayescaler.sandbox.prometheus.store import Series, SeriesStore

__all__ = [
    "PROMETHEUS_2",
    "PROMETHEUS_3",
    "Dialect",
    "Received",
    "SandboxPrometheus",
    "Series",
    "SeriesStore",
    "faults",
]
