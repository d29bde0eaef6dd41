"""Label and field selectors, parsed as the API server does."""

import re
from collections.abc import Callable, Mapping

from .columns import dig
from .errors import Json, bad_request
from .kinds import Kind

Predicate = Callable[[Json], bool]

_SET = re.compile(r"^([^\s!=<>()]+)\s+(in|notin)\s*\(([^)]*)\)$")
_ORDER = re.compile(r"^([^\s!=<>]+)\s*([<>])\s*(-?\d+)$")
_EQUAL = re.compile(r"^([^\s!=]+)\s*(==|=|!=)\s*([^\s!=]*)$")
_EXISTS = re.compile(r"^(!?)\s*([A-Za-z0-9][-A-Za-z0-9_./]*)$")
_COMMA = re.compile(r",(?![^(]*\))")


def _everything(_: Json) -> bool:
    return True


def labels(text: str) -> Predicate:
    """A predicate on objects by labels: `a=b,c!=d,e in (f,g),h,!i`; 400 on what it cannot read."""
    checks = [_label_check(part.strip()) for part in _COMMA.split(text) if part.strip()]
    if not checks:
        return _everything

    def matches(obj: Json) -> bool:
        have = obj["metadata"].get("labels") or {}
        return all(check(have) for check in checks)

    return matches


def _label_check(part: str) -> Callable[[Mapping[str, str]], bool]:
    if match := _SET.match(part):
        key, operator, listed = match.groups()
        values = {value.strip() for value in listed.split(",")}
        return (
            (lambda have: have.get(key) in values) if operator == "in" else (lambda have: have.get(key) not in values)
        )
    if match := _EQUAL.match(part):
        key, operator, value = match.groups()
        return (lambda have: have.get(key) != value) if operator == "!=" else (lambda have: have.get(key) == value)
    if match := _ORDER.match(part):
        key, operator, limit = match.group(1), match.group(2), int(match.group(3))
        return lambda have: (
            have.get(key, "").lstrip("-").isdigit()
            and (int(have[key]) > limit if operator == ">" else int(have[key]) < limit)
        )
    if match := _EXISTS.match(part):
        negated, key = match.groups()
        return lambda have: (key in have) != bool(negated)
    raise bad_request(
        f"unable to parse requirement: found '{part}', expected: in, notin, =, ==, !=, gt, lt or a label key"
    )


def fields(text: str, kind: Kind) -> Predicate:
    """A predicate by fields; only metadata.name, metadata.namespace and what the kind declares selectable, else 400."""
    checks = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _EQUAL.match(part)
        if not match:
            raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        path, operator, value = match.groups()
        if path not in ("metadata.name", "metadata.namespace", *kind.selectable):
            raise bad_request(f"field label not supported: {path}")
        checks.append((_stored_path(path), operator == "!=", value))
    if not checks:
        return _everything

    def matches(obj: Json) -> bool:
        return all((_text(dig(obj, *path, default="")) == value) != negated for path, negated, value in checks)

    return matches


def _stored_path(path: str) -> tuple[str, ...]:
    return ("source", "component") if path == "source" else tuple(path.split("."))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def matches_selector(selector: Json, have: Mapping[str, str]) -> bool:
    """Whether labels satisfy a metav1.LabelSelector."""
    return labels(selector_text(selector))({"metadata": {"labels": dict(have)}})


def selector_text(selector: Json) -> str:
    """A metav1.LabelSelector as text."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for need in selector.get("matchExpressions") or ():
        key, listed = need["key"], ",".join(need.get("values") or ())
        parts.append(
            {
                "In": f"{key} in ({listed})",
                "NotIn": f"{key} notin ({listed})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[need["operator"]]
        )
    return ",".join(parts)
