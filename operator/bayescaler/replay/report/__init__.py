"""What a backtest says to the person who must decide: a verdict in words, and a page that shows what it rests on."""

from .opposite import BreakEven, Pays, WhatIf, break_evens, crossings, what_if
from .verdict import Category, Confidence, Verdict, verdict

__all__ = [
    "BreakEven",
    "Category",
    "Confidence",
    "Pays",
    "Verdict",
    "WhatIf",
    "break_evens",
    "crossings",
    "verdict",
    "what_if",
]
