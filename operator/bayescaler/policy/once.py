"""A property that is worked out when it is first asked for, and kept."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - reads as the decorator it is
    """functools.cached_property without the lock that Python 3.11 has in it, which takes longer than most of what is
    kept here; as in Python 3.12, two threads that ask at once may both work it out.
    """

    def __init__(self, work_out: Callable[[Any], T]) -> None:
        self._work_out, self._name, self.__doc__ = work_out, work_out.__name__, work_out.__doc__

    @overload
    def __get__(self, owner: None, _kind: type) -> "once[T]": ...
    @overload
    def __get__(self, owner: object, _kind: type) -> T: ...
    def __get__(self, owner: object | None, _kind: type) -> "once[T] | T":
        """Find nothing kept in the instance yet: work it out."""
        if owner is None:
            return self
        made = owner.__dict__[self._name] = self._work_out(owner)
        return made
