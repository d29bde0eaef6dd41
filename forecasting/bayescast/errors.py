"""What can go wrong, each with a name; every message says what, where and the cure."""

# ruff: noqa: N818 (the names say what is wrong, as callers read them)


class BayescastError(Exception):
    """Root of all errors of this package."""


class InvalidSpec(BayescastError, ValueError):
    """A `ForecastSpec` that cannot be honoured."""


class InvalidValue(BayescastError, ValueError):
    """A load that cannot be one (negative, infinite, implausibly large), or arrays that do not fit together."""


class OutOfOrder(BayescastError, ValueError):
    """A bucket that is not newer than the newest bucket seen."""


class NoData(BayescastError):
    """A forecast was asked for before any bucket was seen."""


class CorruptCheckpoint(BayescastError, ValueError):
    """Bytes that are no checkpoint, or a damaged one."""


class NewerCheckpoint(BayescastError, ValueError):
    """A checkpoint written by a newer version."""


class InvalidPrior(BayescastError, ValueError):
    """Text that is no prior, a damaged one, or one of another version."""


class SpecMismatch(BayescastError, ValueError):
    """A checkpoint or prior of another spec, or a workload that does not fit the bank's shape."""
