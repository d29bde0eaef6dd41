"""Where load comes from: one port, `LoadSource`; `prometheus` and `trace` implement it."""

from .port import LoadQuery, LoadSource, Series, SourceError

__all__ = ["LoadQuery", "LoadSource", "Series", "SourceError"]
