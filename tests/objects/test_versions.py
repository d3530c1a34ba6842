"""Versions in the bodies of writes: what is none, what is nobody's, and what a new object may say."""

import pytest

from k3py.model.errors import Conflict
from k3py.objects.problems import Unexplained
from tests.objects.world import Plain, run


def test_a_version_is_a_number():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("ConfigMap", metadata={"name": "a"})
        for version, why in (("abc", "invalid syntax"), ("-1", "invalid syntax"), ("9" * 30, "value out of range")):
            made["metadata"]["resourceVersion"] = version
            with pytest.raises(Unexplained, match=f'strconv.ParseUint: parsing "{version}": {why}'):
                await plain.update("ConfigMap", made)
        made["metadata"]["resourceVersion"] = "999999"
        with pytest.raises(Conflict, match="the object has been modified"):
            await plain.update("ConfigMap", made)

    run(story)


def test_a_new_object_has_no_version_of_its_own():
    async def story(objects):
        plain = Plain(objects)
        with pytest.raises(Unexplained, match="should not be set on objects to be created"):
            await plain.create("ConfigMap", metadata={"name": "a", "resourceVersion": "5"})
        for name, version in (("b", "0"), ("c", "abc")):
            made = await plain.create("ConfigMap", metadata={"name": name, "resourceVersion": version})
            assert made["metadata"]["resourceVersion"].isdigit() and made["metadata"]["resourceVersion"] != "0"

    run(story)


def test_a_put_that_means_an_object_that_is_gone_conflicts():
    async def story(objects):
        plain = Plain(objects)
        gone = {"metadata": {"name": "a", "namespace": "default", "uid": "u"}}
        with pytest.raises(Conflict, match="UID in precondition: u, UID in object meta: $"):
            await plain.update("ConfigMap", gone)

    run(story)
