"""Strategic merges of generated lists, against a model that knows only what the documentation says of them.

The model works on names: which elements are left, what each looks like, and who stands before whom.
"""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.objects.patch import strategic_merge

POD_SPEC = "io.k8s.api.core.v1.PodSpec"
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
NAMES = ["a", "b", "c", "d", "e"]


# The model


def standing(named, others, server):
    """What the patch names keeps the patch's order, the rest the server's; who is new to the server comes first."""
    if not named or not others:
        return named + others
    comes_first = named[0] in server and server.index(others[0]) < server.index(named[0])
    if comes_first:
        return [others[0], *standing(named, others[1:], server)]
    return [named[0], *standing(named[1:], others, server)]


def names_of(elements):
    return [each["name"] for each in elements]


def merged_list(server, patch, order, merge):
    """A list of maps that are known by their name."""
    if any(each.get("$patch") == "replace" for each in patch):
        left = [each for each in patch if "$patch" not in each]
        if order is None:
            return left
        by_name = {each["name"]: each for each in left}
        return [by_name[name] for name in standing([n for n in order if n in by_name], [], names_of(server))]
    gone = [each["name"] for each in patch if each.get("$patch") == "delete"]
    changes = [each for each in patch if "$patch" not in each]
    left = {each["name"]: each for each in server if each["name"] not in gone}
    merged = left | {each["name"]: merge(left.get(each["name"]), each) for each in changes}
    wanted = names_of(changes) if order is None else order
    named = [name for name in wanted if name in merged]
    before = [name for name in names_of(server) if order is not None or name not in gone]
    others = [name for name in names_of(server) if name in merged and name not in wanted]
    return [merged[name] for name in standing(named, others, before)]


def merged_container(server, change):
    if server is None:
        return change  # whoever reads it takes null for nothing
    result = dict(server)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif key == "env" and key in server:
            result[key] = merged_list(server[key], value, None, lambda old, new: (old or {}) | new)
        else:
            result[key] = value
    return result


def merged_set(server, patch, order):
    """A list of different texts."""
    wanted = patch if order is None else order
    named = [each for each in wanted if each in server or each in patch]
    return standing(named, [each for each in server if each not in wanted], server)


# What is generated

TEXTS = st.sampled_from(["x", "y"])


def lists_of(element):
    """Elements with names of their own, in any order."""
    names = st.lists(st.sampled_from(NAMES), unique=True, max_size=5)
    return names.flatmap(lambda found: st.tuples(*(element(name) for name in found)).map(list))


def variable(name):
    return st.builds(lambda value: {"name": name, "value": value}, TEXTS)


def container(name):
    optional = {"image": TEXTS, "args": st.lists(TEXTS, max_size=2), "env": lists_of(variable).filter(bool)}
    return st.fixed_dictionaries({"name": st.just(name)}, optional=optional)


def changed_container(name):
    optional = {
        "image": TEXTS | st.none(),
        "args": st.lists(TEXTS, max_size=2),
        "env": st.none() | lists_of(variable).filter(bool),
    }
    change = st.fixed_dictionaries({"name": st.just(name)}, optional=optional)
    return change | st.just({"name": name, "$patch": "delete"})


@st.composite
def orders(draw, names):
    """An order that names at least these, as they come."""
    more = draw(st.lists(st.sampled_from([each for each in NAMES if each not in names] or [None]), unique=True))
    order = list(names)
    for each in more:
        if each is not None:
            order.insert(draw(st.integers(0, len(order))), each)
    return order


@settings(max_examples=400, deadline=None)
@given(st.data(), lists_of(container), lists_of(changed_container), st.booleans(), st.booleans())
def test_lists_of_maps(data, server, patch, replace, ordered):
    if replace:
        patch = [*patch, {"$patch": "replace"}]
    body = {"containers": patch}
    order = None
    if ordered and (server or patch):
        order = data.draw(orders([each["name"] for each in patch if "$patch" not in each]))
        body["$setElementOrder/containers"] = [{"name": name} for name in order]
    original = {"containers": server, "hostname": "h"}
    before = copy.deepcopy((original, body))
    wanted = merged_list(server, patch, order, merged_container)
    assert strategic_merge(original, body, POD_SPEC) == {"containers": wanted, "hostname": "h"}
    assert (original, body) == before


SETS = st.lists(st.sampled_from(NAMES), unique=True, max_size=5)


@settings(max_examples=400, deadline=None)
@given(st.data(), SETS.filter(bool), SETS, SETS, st.booleans())
def test_lists_of_texts(data, server, patch, gone, ordered):
    gone = [each for each in gone if each not in patch]
    body = {"finalizers": patch} if patch else {}
    order = None
    if ordered:
        order = data.draw(orders(patch))
        body["$setElementOrder/finalizers"] = order
    if gone:
        body["$deleteFromPrimitiveList/finalizers"] = gone
    wanted = [each for each in merged_set(server, patch, order) if each not in gone]
    assert strategic_merge({"finalizers": server}, body, META) == {"finalizers": wanted}
