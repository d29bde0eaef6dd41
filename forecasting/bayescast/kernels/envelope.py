"""Slow extremes of the log load: the range locations are clipped to, and the top that caps every quantile."""

from .jit import kernel
from .state import Z_HIGH, Z_LOW, Z_TOP, Floats


@kernel
def start(scalars: Floats, row: int, z: float) -> None:
    """Open the range around the first load."""
    scalars[row, Z_LOW] = z - 1.0
    scalars[row, Z_HIGH] = z + 1.0
    scalars[row, Z_TOP] = z


@kernel
def learn(scalars: Floats, row: int, z: float, decay: float) -> None:
    """Widen the range to `z`; both ends close slowly, the top at `decay` of its distance a bucket."""
    top = scalars[row, Z_TOP]
    scalars[row, Z_TOP] = z if z > top else top - decay * (top - z)
    low = scalars[row, Z_LOW]
    high = scalars[row, Z_HIGH]
    scalars[row, Z_LOW] = min(z, low + 0.0005 * (high - low))
    scalars[row, Z_HIGH] = max(z, high - 0.0005 * (high - low))
