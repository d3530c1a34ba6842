"""Objects in files: text with several documents to plain objects. Decides; ``sources`` reads the files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from k3py.cli.app import Failure
from k3py.objects.plain import load_json
from k3py.objects.yaml_values import load_yaml

_SEPARATOR: Final = re.compile(rb"^---(?:[ \t\r].*)?$", re.MULTILINE)
_ONLY_COMMENTS: Final = re.compile(rb"(?:\s*(?:#[^\n]*)?(?:\n|\Z))*")


@dataclass(frozen=True)
class Manifest:
    """One object as somebody wrote it, and where that was."""

    object: dict[str, Any]
    where: str


def decode_manifests(data: bytes, where: str) -> list[Manifest]:
    """The objects in YAML with any number of documents, or in JSON. Lists are taken apart.

    Raises:
        Failure: it is neither, a document is no object, or a key stands twice.
    """
    found = []
    for number, document in enumerate(_documents(data), 1):
        place = f"{where}, document {number}" if number > 1 else where
        plain, duplicates = _load(document, place)
        if duplicates:
            raise Failure(f"cannot use {place}: {duplicates[0]}")
        if plain is not None:
            found += [Manifest(each, place) for each in _objects(plain, place)]
    return found


def _documents(data: bytes) -> Iterator[bytes]:
    for document in _SEPARATOR.split(data):
        if not _ONLY_COMMENTS.fullmatch(document):
            yield document


def _load(document: bytes, where: str) -> tuple[Any, list[str]]:
    if document.lstrip()[:1] == b"{":
        try:
            return load_json(document)
        except ValueError:
            pass  # YAML's own braces
    try:
        return load_yaml(document)
    except (yaml.YAMLError, ValueError) as error:
        said = re.sub(r"\s+", " ", str(error))
        raise Failure(f"cannot read {where}: {said}") from None


def _objects(plain: Any, where: str) -> Iterator[dict[str, Any]]:
    if not isinstance(plain, dict):
        raise Failure(f"cannot use {where}: a document there is no object")
    items = plain.get("items")
    if str(plain.get("kind", "")).endswith("List") and isinstance(items, list):
        for each in items:
            yield from _objects(each, where)
    else:
        yield plain
