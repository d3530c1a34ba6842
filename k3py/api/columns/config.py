"""ConfigMaps, Secrets, ServiceAccounts."""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import (
    AGE,
    NAME,
    Column,
    Columns,
    age,
    only_name_and_age,
)
from k3py.api.columns.described import meaning
from k3py.model.generated import core_v1
from k3py.model.struct import Wire


def _config_map(config_map: core_v1.ConfigMap, now: float) -> list[Any]:
    count = len(config_map.data) + len(config_map.binary_data)
    return [config_map.metadata.name, count, age(config_map.metadata, now)]


def _secret(secret: core_v1.Secret, now: float) -> list[Any]:
    return [secret.metadata.name, secret.type, len(secret.data), age(secret.metadata, now)]


CONFIG_MAPS = Columns((NAME, Column("Data", description=meaning(core_v1.ConfigMap, "data")), AGE), _config_map)
SECRETS = Columns(
    (
        NAME,
        Column("Type", description=meaning(core_v1.Secret, "type")),
        Column("Data", description=meaning(core_v1.Secret, "data")),
        AGE,
    ),
    _secret,
)
SERVICE_ACCOUNTS = Columns((NAME, AGE), only_name_and_age)

COLUMNS: Mapping[type[Wire], Columns] = {
    core_v1.ConfigMap: CONFIG_MAPS,
    core_v1.Secret: SECRETS,
    core_v1.ServiceAccount: SERVICE_ACCOUNTS,
}
