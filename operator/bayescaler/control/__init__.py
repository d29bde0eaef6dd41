"""The loop: collect, estimate, decide, act, report; and what runs beside it."""
