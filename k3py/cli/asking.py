"""Reads objects and tables from the server, page by page. Acts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from k3py.cli.resources import Asked, path_of
from k3py.cli.saying import Errors
from k3py.cli.session import JSON, Session

TABLE: Final = f"{JSON};as=Table;v=v1;g=meta.k8s.io,{JSON}"
# As kubectl: the first lines of a long list come at once, and the server holds no more of it at a time.
PAGE_OBJECTS: Final = 500


@dataclass(frozen=True)
class Question:
    """What is asked for and where; an empty namespace means all of them."""

    asked: Asked
    namespace: str
    labels: str = ""
    fields: str = ""

    def query(self) -> dict[str, str]:
        """The selectors as query parameters."""
        chosen = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {key: value for key, value in chosen.items() if value}

    def path(self, name: str = "") -> str:
        """Where the objects are, or one of them."""
        return path_of(self.asked.kind, self.namespace, name)


def pages(session: Session, question: Question, accept: str) -> Iterator[dict[str, Any]]:
    """The parts of a list.

    Raises:
        Problem: the server refuses.
    """
    query = {**question.query(), "limit": str(PAGE_OBJECTS)}
    while True:
        page = session.request("GET", question.path(), query, accept=accept).plain()
        yield page
        following = (page.get("metadata") or {}).get("continue")
        if not following:
            return
        query["continue"] = following


def fetch_table(session: Session, question: Question, errors: Errors) -> dict[str, Any]:
    """All rows in one table. What cannot be had is noted in ``errors``; the table may be empty."""
    whole: dict[str, Any] = {}
    with errors.kept():
        if not question.asked.names:
            for page in pages(session, question, TABLE):
                _append(whole, page)
    for name in question.asked.names:
        with errors.kept():
            _append(whole, session.request("GET", question.path(name), accept=TABLE).plain())
    return whole


def _append(whole: dict[str, Any], part: dict[str, Any]) -> None:
    rows = [*(whole.get("rows") or ()), *(part.get("rows") or ())]
    whole.update({**part, "columnDefinitions": part.get("columnDefinitions") or whole.get("columnDefinitions") or []})
    whole["rows"] = rows


def fetch_objects(session: Session, question: Question, errors: Errors) -> list[dict[str, Any]]:
    """All objects. What cannot be had is noted in ``errors``."""
    found: list[dict[str, Any]] = []
    kind = question.asked.kind
    with errors.kept():
        if not question.asked.names:
            for page in pages(session, question, JSON):
                found += [{"apiVersion": kind.api_version, "kind": kind.name, **each} for each in page["items"] or ()]
    for name in question.asked.names:
        with errors.kept():
            found.append(session.request("GET", question.path(name)).plain())
    return found
