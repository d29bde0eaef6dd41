"""How much may be asked of the API server."""


class Budget:
    """A token bucket: so many writes a second on average, at most `burst` at once."""

    def __init__(self, per_second: float, *, burst: float) -> None:
        self._per_second, self._burst, self._tokens, self._at = per_second, burst, burst, float("-inf")

    def left(self, now: float) -> bool:
        """Whether there is a token to take."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._per_second)
        self._at = now
        return self._tokens >= 1.0

    def take(self, now: float) -> bool:
        """Take one token if there is one."""
        if not self.left(now):
            return False
        self._tokens -= 1.0
        return True
