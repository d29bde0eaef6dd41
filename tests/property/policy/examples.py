"""How many examples a law of costly worlds is tried on."""

from hypothesis import settings


def examples(most):
    """Try a law on so many examples, or on fewer where the profile asks for fewer."""
    return settings(max_examples=min(most, settings.default.max_examples))
