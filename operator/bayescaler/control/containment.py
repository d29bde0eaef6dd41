"""What goes wrong with one object stays with that object."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from bayescaler.telemetry.metrics import Metrics

from .workload import Workload

log = logging.getLogger(__name__)


@contextmanager
def contained(workload: Workload, stage: str, metrics: Metrics) -> Iterator[None]:
    """Log and count an unforeseen fault of one object in one stage of the tick, so that the others go on."""
    try:
        yield
    except Exception:
        log.exception("object failed", extra={"object": workload.label, "stage": stage})
        metrics.failures.labels(stage).inc()
