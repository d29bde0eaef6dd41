"""The game day: what can fail, played on the sandbox with the production operator, and what has to hold meanwhile."""
