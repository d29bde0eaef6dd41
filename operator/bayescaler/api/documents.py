"""YAML as manifests have it: several documents, and no key twice, which kubectl refuses as well."""

from collections.abc import Hashable, Iterator
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """A safe loader to which a key that comes twice in a mapping is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping; keys that `<<` merges in may be overwritten."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} comes twice", node.start_mark)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return found


def documents(text: str | bytes) -> Iterator[Any]:
    """Give the documents of a text, None for an empty one; yaml.YAMLError or ValueError if it is no YAML."""
    yield from yaml.load_all(text, Loader=_Loader)
