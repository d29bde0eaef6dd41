"""The rows of a bank: which are in use and for which spec, handed out, checked and reused."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidValue
from .spec import ForecastSpec


class Rows:
    """Numbers below `len(specs)`; `specs` holds None where a row is free."""

    def __init__(self, capacity: int) -> None:
        self.specs: list[ForecastSpec | None] = [None] * capacity
        self._used = np.zeros(capacity, dtype=np.bool_)
        self._free = list(range(capacity - 1, -1, -1))

    def __len__(self) -> int:
        """Return how many are in use."""
        return len(self.specs) - len(self._free)

    @property
    def full(self) -> bool:
        """Whether there is none to give."""
        return not self._free

    def give(self, spec: ForecastSpec) -> int:
        """Return a free row, in use from now on."""
        row = self._free.pop()
        self.specs[row], self._used[row] = spec, True
        return row

    def take_back(self, row: int) -> None:
        """Let a row in use be given anew."""
        self.spec(row)
        self.specs[row], self._used[row] = None, False
        self._free.append(row)

    def spec(self, row: int) -> ForecastSpec:
        """Return the spec of a row in use."""
        spec = self.specs[row] if 0 <= row < len(self.specs) else None
        if spec is None:
            raise IndexError(f"row {row} is not in use: take rows from add()")
        return spec

    def checked(self, rows: ArrayLike) -> NDArray[np.int64]:
        """Return row numbers as an array, (n,); raise where one is not in use or comes twice."""
        given = np.asarray(rows)
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise InvalidValue(
                f"rows are {given.dtype} of shape {given.shape}: give numbers from add(), in one dimension"
            )
        if given.size == 0:
            return given.astype(np.int64)
        if int(given.min()) < 0 or int(given.max()) >= len(self.specs) or not self._used[given].all():
            raise IndexError("rows holds one that is not in use: take rows from add()")
        rows_ = given.astype(np.int64)
        if int(np.bincount(rows_).max()) > 1:
            raise InvalidValue("rows holds one twice: send one bucket a row and call")
        return rows_

    def double(self) -> None:
        """Make room for as many more, once all are in use."""
        old = len(self.specs)
        self.specs += [None] * old
        self._used = np.concatenate([self._used, np.zeros(old, dtype=np.bool_)])
        self._free = list(range(2 * old - 1, old - 1, -1))
