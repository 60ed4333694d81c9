# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: signals work, time does not press, and the slow set is asked for."""

import signal

import pytest
from hypothesis import HealthCheck, settings

# A machine that does other things besides is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A suite started in the background, or under nohup, ignores these, and so would every process
# that tests start and then stop by them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that the slow set runs with."""
    parser.addoption("--slow", action="store_true", help="run the slow set too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow set out unless it is asked for, and say so."""
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="of the slow set: python3 dev.py test --slow"))
