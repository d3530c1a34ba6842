"""Caches against a model, and what they keep in memory."""

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.controllers.informer import DECODED_MAX, Caches, Informer
from k3py.controllers.views import Groups
from k3py.model.codec import encode
from k3py.model.generated import core_v1, meta_v1
from k3py.store.records import Change, ChangeType, Record, intern_labels

BY_NODE = "node"


def by_node(pod: core_v1.Pod) -> Iterable[str]:
    return (pod.spec.node_name,) if pod.spec.node_name else ()


def record(name: str, revision: int, node: str = "", labels: dict[str, str] | None = None) -> Record:
    meta = meta_v1.ObjectMeta(name=name, namespace="shop", uid=f"uid of {name}", resource_version=str(revision))
    meta.labels = labels or {}
    pod = core_v1.Pod(metadata=meta, spec=core_v1.PodSpec(node_name=node))
    return Record("pods", "shop", name, revision, meta.uid, encode(pod), intern_labels(meta.labels))


def informer() -> Informer:
    return Informer(core_v1.Pod, {BY_NODE: by_node}, bare=False)


def put(cache: Informer, each: Record) -> None:
    cache.apply([Change(ChangeType.MODIFIED, each, None)])


def names(pods: Iterable[Any]) -> list[str]:
    return sorted(pod.metadata.name for pod in pods)


step = st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "n1", "n2"]), st.booleans(), st.booleans())


@given(st.lists(step, max_size=40))
@settings(max_examples=60)
def test_a_cache_is_what_a_dictionary_would_be(steps: Sequence[tuple[str, str, bool, bool]]) -> None:
    cache, model = informer(), dict[str, Record]()
    heard: dict[str, str] = {}

    def handler(old: Any, new: Any) -> None:
        value = new or old
        assert (old.spec.node_name if old else None) == heard.get(value.metadata.name)
        if new is None:
            del heard[value.metadata.name]
        else:
            heard[value.metadata.name] = new.spec.node_name

    cache.subscribe(handler)
    for revision, (name, node, web, gone) in enumerate(steps, 1):
        each = record(name, revision, node, {"app": "web"} if web else {})
        if gone:
            model.pop(name, None)
            cache.apply([Change(ChangeType.DELETED, each, None)])
        else:
            model[name] = each
            put(cache, each)
        assert {pod.metadata.name: pod.metadata.resource_version for pod in cache.objects("shop")} == {
            key: str(value.revision) for key, value in model.items()
        }
        placed = {key: next((pod.spec.node_name for pod in [cache.get("shop", key)] if pod), None) for key in model}
        assert placed == heard
        for node_name in ("n1", "n2"):
            assert names(cache.by(BY_NODE, node_name)) == sorted(k for k, v in placed.items() if v == node_name)
        assert set(cache.values(BY_NODE)) == {v for v in placed.values() if v}
        selected = cache.objects("shop").matching(lambda labels: labels.get("app") == "web")
        assert names(selected) == sorted(key for key, value in model.items() if value.labels)
        assert len(cache) == len(model)


def test_only_the_last_objects_that_were_looked_at_stay_decoded() -> None:
    cache = informer()
    for number in range(DECODED_MAX + 10):
        put(cache, record(f"p{number}", number + 1))
        assert cache.decoded == min(number + 1, DECODED_MAX)
    assert len(names(cache.objects())) == DECODED_MAX + 10
    assert cache.decoded == DECODED_MAX


def test_the_number_keys_and_labels_of_objects_cost_no_decoding() -> None:
    cache = informer()
    for number in range(DECODED_MAX * 2):
        put(cache, record(f"p{number}", number + 1, labels={"half": str(number % 2)}))
    oldest = cache.objects()[0]
    misses = cache._read.cache_info().misses
    view = cache.objects("shop").matching(lambda labels: labels["half"] == "0")
    assert (len(view), view.keys[0], len(view[5:])) == (DECODED_MAX, ("shop", "p0"), DECODED_MAX - 5)
    assert cache._read.cache_info().misses == misses
    assert view[0] is oldest


def test_what_cannot_be_read_is_absent_and_the_last_readable_version_is_gone() -> None:
    cache = informer()
    put(cache, record("a", 1, "n1"))
    broken = Record("pods", "shop", "a", 2, "uid of a", b'{"spec": 7}')
    put(cache, broken)
    assert (cache.get("shop", "a"), len(cache), list(cache.by(BY_NODE, "n1"))) == (None, 0, [])
    put(cache, record("a", 3, "n2"))
    assert names(cache.by(BY_NODE, "n2")) == ["a"]


def test_a_new_start_tells_only_what_differs() -> None:
    cache = informer()
    for each in (record("same", 1), record("moved", 2, "n1"), record("gone", 3)):
        put(cache, each)
    told: list[tuple[str | None, str | None]] = []
    cache.subscribe(lambda old, new: told.append((old and old.metadata.name, new and new.metadata.name)))
    cache.replace([record("same", 1), record("moved", 4, "n2"), record("born", 5)], 5)
    assert told == [("gone", None), ("moved", "moved"), (None, "born")]
    assert cache.revision == 5


def test_groups_of_one_and_of_many() -> None:
    groups, a, b = Groups(), record("a", 1), record("b", 2)
    groups.add("x", a)
    groups.add("x", a)
    assert groups.of("x") == [a]
    groups.drop("x", b)
    groups.add("x", b)
    assert groups.of("x") == [a, b]
    groups.drop("x", a)
    groups.drop("x", a)
    assert groups.of("x") == [b]
    groups.drop("x", b)
    assert (groups.of("x"), list(groups.values)) == ([], [])


def test_readers_of_a_kind_share_its_cache_and_its_indexes() -> None:
    caches = Caches()
    caches.add(core_v1.Pod, {}, bare=True)
    caches.add(core_v1.Pod, {BY_NODE: by_node}, bare=False)
    put(caches.informer(core_v1.Pod), record("a", 1, "n1"))
    put(caches.informer(core_v1.Pod), record("b", 2, "n2"))
    assert names(caches.by(core_v1.Pod, BY_NODE, "n1", "n2")) == ["a", "b"]
    found = caches.get(core_v1.Pod, "shop", "b")
    assert found is not None
    assert found.spec.node_name == "n2"
