"""Versions in the bodies of writes: what is none, what is nobody's, and what a new object may say."""

import pytest

from k3py.model.errors import Conflict, Invalid
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
            assert int(made["metadata"]["resourceVersion"]) > 0

    run(story)


def test_a_put_that_means_an_object_that_is_gone_conflicts():
    async def story(objects):
        plain = Plain(objects)
        gone = {"metadata": {"name": "a", "namespace": "default", "uid": "u"}}
        with pytest.raises(Conflict, match=r"UID in precondition: u, UID in object meta: $"):
            await plain.update("ConfigMap", gone)

    run(story)


def test_an_update_neither_begins_a_deletion_nor_gives_it_another_time():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("ConfigMap", metadata={"name": "a"})
        for field, value in (("deletionTimestamp", "2020-01-01T00:00:00Z"), ("deletionGracePeriodSeconds", 5)):
            with pytest.raises(Invalid, match=f"metadata.{field}: Invalid value: .*: field is immutable"):
                await plain.update("ConfigMap", {**made, "metadata": {**made["metadata"], field: value}})

    run(story)


def test_what_is_wrong_with_metadata_is_said_as_often_as_it_is_looked_at():
    async def story(objects):
        plain = Plain(objects)
        for kind, times in (("ConfigMap", 4), ("ResourceQuota", 3)):
            made = await plain.create(kind, metadata={"name": "a"})
            wrong = {**made, "metadata": {**made["metadata"], "labels": {"!": "x"}}}
            with pytest.raises(Invalid) as refused:
                await plain.update(kind, wrong)
            assert [each.field for each in refused.value.details.causes] == ["metadata.labels"] * times

    run(story)


def test_managed_fields_name_managers_that_there_can_be():
    async def story(objects):
        plain = Plain(objects)
        entry = {
            "operation": "Update",
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}}},
        }
        made = await plain.create("ConfigMap", metadata={"name": "a"}, data={"a": "b"})
        for name, why in (("a" * 129, "Too long: may not be more than 128 bytes"), ("a\a", "invalid character U.0007")):
            made["metadata"]["managedFields"] = [{**entry, "manager": name}]
            with pytest.raises(Invalid, match=rf"metadata.managedFields\[0\].manager: .*{why}"):
                await plain.update("ConfigMap", made)

    run(story)
