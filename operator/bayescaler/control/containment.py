"""What goes wrong with one object stays with that object."""

import logging
from collections.abc import Callable, Iterable
from types import TracebackType

from bayescaler.telemetry.metrics import Metrics

from .workload import Workload

log = logging.getLogger(__name__)


class contained:  # noqa: N801 - reads as the context manager it is
    """Log and count an unforeseen fault of one object in one stage of the tick, so that the others go on."""

    __slots__ = ("_metrics", "_stage", "_workload")

    def __init__(self, workload: Workload, stage: str, metrics: Metrics) -> None:
        self._workload, self._stage, self._metrics = workload, stage, metrics

    def __enter__(self) -> None:
        """Nothing is held."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        _tell(error, self._workload, self._stage, self._metrics)
        return True


def each(workloads: Iterable[Workload], stage: str, metrics: Metrics, do: Callable[[Workload], object]) -> None:
    """Do something with every object, each contained."""
    for workload in workloads:
        try:
            do(workload)
        except Exception as error:  # noqa: BLE001 - it is logged as that of any other stage
            _tell(error, workload, stage, metrics)


def _tell(error: Exception, workload: Workload, stage: str, metrics: Metrics) -> None:
    log.error("object failed", exc_info=error, extra={"object": workload.label, "stage": stage})
    metrics.failures.labels(stage).inc()
