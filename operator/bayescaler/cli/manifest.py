"""A manifest on disk: the one BayesianAutoscaler in it, checked as the API server and the operator would."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from bayescaler.api import KIND, SpecError
from bayescaler.api.documents import documents
from bayescaler.control.settings import Settings
from bayescaler.control.translate import Intent, translate


def read_manifest(path: Path) -> Mapping[str, Any]:
    """Return the one BayesianAutoscaler in a YAML or JSON file; click.ClickException names file, what and cure."""
    found = _documents(path)
    ours = [one for one in found if isinstance(one, Mapping) and one.get("kind") == KIND]
    if len(ours) == 1:
        return ours[0]
    if ours:
        names = ", ".join(str(_metadata(one).get("name", "?")) for one in ours)
        raise click.ClickException(f"{path} holds {len(ours)} {KIND}s ({names}): give a file with one of them")
    kinds = ", ".join(str(one.get("kind", "no kind")) if isinstance(one, Mapping) else "text" for one in found)
    cure = "; `bayescaler generate from-hpa FILE` makes one of an HPA" if "HorizontalPodAutoscaler" in kinds else ""
    raise click.ClickException(f"{path} holds no {KIND} but {kinds or 'nothing'}: give a manifest of one{cure}")


def manifest_text(path: Path) -> str:
    """Return the one BayesianAutoscaler in a file as text, and nothing else that the file may hold, such as Secrets."""
    if len(_documents(path)) == 1:
        return path.read_text(encoding="utf-8")
    return yaml.safe_dump(dict(read_manifest(path)), sort_keys=False)


def _documents(path: Path) -> list[Any]:
    try:
        return [one for one in documents(path.read_text(encoding="utf-8")) if one is not None]
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is no text in UTF-8: {error.reason} at byte {error.start}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise click.ClickException(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def read_intent(path: Path, settings: Settings) -> tuple[str, Intent]:
    """Return `namespace/name` of a manifest and what it means; click.ClickException names file, fields and cure."""
    manifest = read_manifest(path)
    metadata = _metadata(manifest)
    namespace, name = str(metadata.get("namespace", "default")), str(metadata.get("name", path.stem))
    try:
        return f"{namespace}/{name}", translate(namespace, name, manifest, settings)
    except SpecError as error:
        raise click.ClickException(f"{path}: {error}") from error


def _metadata(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    found = manifest.get("metadata")
    return found if isinstance(found, Mapping) else {}
