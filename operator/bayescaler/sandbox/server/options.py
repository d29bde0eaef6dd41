"""How a write or a delete is meant."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """How a write is meant; `warnings` collects what the answer's Warning headers say."""

    manager: str = "sandbox"
    subresource: str = ""
    dry_run: bool = False
    force: bool = False
    validation: str = "Warn"  # fieldValidation: Ignore | Warn | Strict
    is_patch: bool = False  # a patch of the wrong types is invalid, a body of them a bad request
    is_apply: bool = False  # managedFields have been settled by server-side apply
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Deletion:
    """How a delete is meant; empty preconditions hold always."""

    propagation: str = "Background"  # Background | Foreground | Orphan
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False
