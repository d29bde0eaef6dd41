"""What holds for every test: examples that repeat, no deadlines on shared cores, a clock, logging as it was found."""

import logging
import os
from collections.abc import Iterator

import numba
import pytest
from hypothesis import HealthCheck, settings

# No clock decides: neither of an example, nor of what it takes to draw the first of them.
steady = settings(derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", steady)
settings.register_profile("interpreted", steady, max_examples=10)  # kernels take a hundred times as long
settings.load_profile("interpreted" if numba.config.DISABLE_JIT else "steady")
# Samplers are compiled for a few thousand draws: what makes them quick costs more than it saves.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")  # for jax


class Clock:
    """Time that stands, in seconds, until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def logging_as_found() -> Iterator[None]:
    """Put back what a test of `configure`, or a command that calls it, did to the process' loggers."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    levels = {name: one.level for name, one in root.manager.loggerDict.items() if isinstance(one, logging.Logger)}
    yield
    if root.level != level:
        root.setLevel(level)
    root.handlers[:] = handlers
    for name, one in root.manager.loggerDict.items():
        if isinstance(one, logging.Logger) and one.level != levels.get(name, logging.NOTSET):
            one.setLevel(levels.get(name, logging.NOTSET))  # which makes every logger look up its level anew
