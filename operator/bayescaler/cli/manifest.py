"""A manifest on disk: the one BayesianAutoscaler in it, checked as the API server and the operator would."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from bayescaler.api import KIND, SpecError
from bayescaler.control.settings import Settings
from bayescaler.control.translate import Intent, translate


def read_manifest(path: Path) -> Mapping[str, Any]:
    """Return the one BayesianAutoscaler in a YAML or JSON file; click.ClickException names file, what and cure."""
    try:
        documents = [found for found in yaml.safe_load_all(path.read_text(encoding="utf-8")) if found is not None]
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is no text in UTF-8: {error.reason} at byte {error.start}") from error
    except yaml.YAMLError as error:
        raise click.ClickException(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    ours = [found for found in documents if isinstance(found, Mapping) and found.get("kind") == KIND]
    if len(ours) == 1:
        return ours[0]
    if ours:
        names = ", ".join(str(found.get("metadata", {}).get("name", "?")) for found in ours)
        raise click.ClickException(f"{path} holds {len(ours)} {KIND}s ({names}): give a file with one of them")
    kinds = ", ".join(
        str(found.get("kind", "no kind")) if isinstance(found, Mapping) else "text" for found in documents
    )
    cure = "; `bayescaler generate from-hpa FILE` makes one of an HPA" if "HorizontalPodAutoscaler" in kinds else ""
    raise click.ClickException(f"{path} holds no {KIND} but {kinds or 'nothing'}: give a manifest of one{cure}")


def read_intent(path: Path, settings: Settings) -> tuple[str, Intent]:
    """Return `namespace/name` of a manifest and what it means; click.ClickException names file, fields and cure."""
    manifest = read_manifest(path)
    metadata = manifest.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    namespace, name = str(metadata.get("namespace", "default")), str(metadata.get("name", path.stem))
    try:
        return f"{namespace}/{name}", translate(namespace, name, manifest, settings)
    except SpecError as error:
        raise click.ClickException(f"{path}: {error}") from error
