"""What is wrong with a resource: every problem at once, each with the path of its field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One field (`spec.load.step`), and one sentence of what is wrong and what is allowed."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class SpecError(ValueError):
    """A resource that cannot be used. `problems` holds all of them, its text too."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems

    @classmethod
    def of(cls, error: ValidationError, root: str) -> "SpecError":
        """Translate pydantic's findings; `root` is the path of what was validated."""
        details = error.errors(include_url=False)
        return cls(tuple(found for detail in details for found in _problems(root, detail)))


def _problems(root: str, detail: Mapping[str, Any]) -> Iterator[Problem]:
    path = root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
    broken = detail.get("ctx", {}).get("broken_rules")
    if broken is not None:
        for rule in broken:
            yield Problem(path + (rule.field_path or ""), rule.message)
    elif detail["type"] == "missing":
        yield Problem(path, "is required")
    else:
        sentence = str(detail["msg"])
        yield Problem(path, f"{sentence[0].lower()}{sentence[1:]}, got {_shown(detail['input'])}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
