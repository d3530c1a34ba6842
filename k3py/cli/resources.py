"""What people type for resources, as kinds and names. Decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from k3py.cli.app import USAGE, Failure
from k3py.client.paths import collection_path, object_path
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind, Registry

ALL = "all"


@dataclass(frozen=True)
class Asked:
    """One kind, and the names asked for; none means all of them."""

    kind: Kind
    names: tuple[str, ...] = ()


def find_kind(word: str, kinds: Registry = KINDS) -> Kind:
    """The kind that a word names.

    Raises:
        Failure: none.
    """
    kind = kinds.word(word)
    if kind is None or not kind.stored:
        raise Failure(f'the server doesn\'t have a resource type "{word}"')
    return kind


def parse_resources(words: Sequence[str], kinds: Registry = KINDS) -> list[Asked]:
    """``pods``, ``pods a b``, ``pods,deploy``, ``all``, ``pod/a deploy/b``, in the order they are named.

    Raises:
        Failure: a mixture that has no meaning, or an unknown kind.
    """
    if not words:
        raise Failure("say which kind of resource: pods, deployments, nodes ...", USAGE)
    if any("/" in word for word in words):
        return [_one(word, kinds) for word in words]
    asked = {qualified(kind): kind for word in words[0].split(",") for kind in _of_word(word, kinds)}
    return [Asked(kind, tuple(words[1:])) for kind in asked.values()]


def parse_one(words: Sequence[str], kinds: Registry = KINDS) -> tuple[Kind, str]:
    """``KIND/NAME`` or ``KIND NAME``: exactly one object.

    Raises:
        Failure: it is not exactly one.
    """
    asked = parse_resources(words, kinds)
    if len(asked) != 1 or len(asked[0].names) != 1:
        raise Failure(f"cannot tell which object is meant by '{' '.join(words)}': say KIND/NAME", USAGE)
    return asked[0].kind, asked[0].names[0]


def _one(word: str, kinds: Registry) -> Asked:
    kind, slash, name = word.partition("/")
    if not slash or not kind or not name or "/" in name:
        raise Failure(f"cannot read '{word}': with KIND/NAME, every argument has to be of this form", USAGE)
    return Asked(find_kind(kind, kinds), (name,))


def _of_word(word: str, kinds: Registry) -> list[Kind]:
    if word == ALL:
        return [kind for kind in kinds if kind.stored and ALL in kind.categories]
    return [find_kind(word, kinds)]


def qualified(kind: Kind) -> str:
    """``pod``, ``deployment.apps``: a kind as messages and ``-o name`` write it."""
    return f"{kind.singular}.{kind.group}" if kind.group else kind.singular


def kind_of_object(obj: Mapping[str, Any], where: str, kinds: Registry = KINDS) -> Kind:
    """The kind that an object says it is.

    Raises:
        Failure: it does not say, or it is none that we know.
    """
    version, name = obj.get("apiVersion"), obj.get("kind")
    if not isinstance(version, str) or not isinstance(name, str) or not version or not name:
        raise Failure(f"cannot use {where}: an object there has no apiVersion or no kind")
    kind = kinds.named(version, name)
    if kind is None:
        raise Failure(f'cannot use {where}: no matches for kind "{name}" in version "{version}"')
    return kind


def path_of(kind: Kind, namespace: str, name: str = "", subresource: str = "") -> str:
    """Where an object, or with no name a collection, is.

    Raises:
        Failure: the name cannot be one.
    """
    try:
        if name:
            return object_path(kind, name, namespace, subresource)
        return collection_path(kind, namespace)
    except ValueError as error:
        raise Failure(str(error), USAGE) from None
