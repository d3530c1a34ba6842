"""``--sim-seeds 5000`` (or ``SIM_SEEDS=5000``) runs the long form; ``--sim-seed 1234`` replays one."""

import os

import pytest

SHORT_FORM_SEEDS = 200


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sim-seeds", type=int, default=int(os.environ.get("SIM_SEEDS", SHORT_FORM_SEEDS)))
    parser.addoption("--sim-seed", type=int, default=None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        one = metafunc.config.getoption("--sim-seed", None)
        count = metafunc.config.getoption("--sim-seeds", SHORT_FORM_SEEDS)
        metafunc.parametrize("seed", range(count) if one is None else [one])
