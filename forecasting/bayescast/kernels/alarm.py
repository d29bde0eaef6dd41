"""The change-point alarm: a two-sided CUSUM (Page 1954) of clipped, normalised one-step surprises."""

from .jit import kernel
from .state import ALARM_DOWN, ALARM_REST, ALARM_SCALE, ALARM_UP, Floats

REST = 30.0  # buckets before the first alarm, and between two of them


@kernel
def learn(scalars: Floats, surprise: float, buckets: int, drift: float, clip: float, threshold: float) -> bool:
    """Take one surprise (log load minus its expectation) of bucket number `buckets`; say whether a change is declared.

    Surprises are measured in units of their mean size (memory 500 buckets, winsorised).
    """
    size = abs(surprise)
    scale = scalars[ALARM_SCALE] if buckets > 1 else size
    scale += (min(size, 5.0 * scale + 0.001) - scale) / min(float(buckets), 500.0)
    scalars[ALARM_SCALE] = scale
    if scalars[ALARM_REST] > 0.0:
        scalars[ALARM_REST] -= 1.0
        return False
    u = min(max(surprise / (1.25 * scale + 0.01), -clip), clip)
    up = max(0.0, scalars[ALARM_UP] + u - drift)
    down = max(0.0, scalars[ALARM_DOWN] - u - drift)
    change = max(up, down) >= threshold
    scalars[ALARM_UP] = 0.0 if change else up
    scalars[ALARM_DOWN] = 0.0 if change else down
    scalars[ALARM_REST] = REST if change else 0.0
    return bool(change)
