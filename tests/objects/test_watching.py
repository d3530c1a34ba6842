"""Selectors on watches: leaving is DELETED, entering ADDED."""

import pytest

from k3py.model.errors import BadRequest
from k3py.model.selectors import parse_fields, parse_labels
from tests.objects.world import Plain, kind_of, run


def kinds(changes):
    return [(change.type.value, change.record.name) for change in changes]


def test_labels_come_and_go():
    async def story(objects):
        plain, seen = Plain(objects), []
        objects.watch(kind_of("ConfigMap"), "default", None, seen.extend, parse_labels("tier=x"))
        await plain.create("ConfigMap", metadata={"name": "a", "labels": {"tier": "y"}})
        await plain.patch("ConfigMap", "a", {"metadata": {"labels": {"tier": "x"}}})
        await plain.patch("ConfigMap", "a", {"data": {"k": "v"}})
        await plain.patch("ConfigMap", "a", {"metadata": {"labels": {"tier": "y"}}})
        await plain.patch("ConfigMap", "a", {"data": {"k": "w"}})
        await plain.delete("ConfigMap", "a")
        assert kinds(seen) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        assert all(change.record.raw for change in seen)

    run(story)


def test_fields_of_pods():
    async def story(objects):
        plain, seen = Plain(objects), []
        pods = kind_of("Pod")
        selector = parse_fields("spec.nodeName=n1,status.phase!=Succeeded", pods.selectable)
        objects.watch(pods, None, None, seen.extend, fields=selector)
        for name, node in (("a", "n1"), ("b", "n2")):
            await plain.create(
                "Pod", metadata={"name": name}, spec={"nodeName": node, "containers": [{"name": "c", "image": "x"}]}
            )
        assert [record.name for record in objects.list(pods, None, fields=selector)] == ["a"]
        await plain.patch("Pod", "a", {"status": {"phase": "Succeeded"}}, subresource="status")
        assert kinds(seen) == [("ADDED", "a"), ("DELETED", "a")]
        with pytest.raises(BadRequest):
            parse_fields("spec.nope=1", pods.selectable)

    run(story)


def test_a_watch_that_resumes_sees_what_it_missed_through_its_selector():
    async def story(objects):
        plain, seen = Plain(objects), []
        start = objects.store.revision
        await plain.create("ConfigMap", metadata={"name": "a", "labels": {"tier": "x"}})
        await plain.create("ConfigMap", metadata={"name": "b"})
        await plain.delete("ConfigMap", "a")
        objects.watch(kind_of("ConfigMap"), "default", start, seen.extend, parse_labels("tier"))
        assert kinds(seen) == [("ADDED", "a"), ("DELETED", "a")]

    run(story)
