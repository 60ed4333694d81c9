# SPDX-License-Identifier: Apache-2.0
"""A cluster's configurations, and a machine on a fake platform."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.config.generate import Generated, generate
from edge.meta import keys
from edge.node.configuration import Configuration, parse_configuration
from edge.node.log import LogBook, start_logging
from edge.node.machine import Machine
from edge.pki.key import new_key
from edge.pki.secrets import SecretsBundle, load_secrets
from tests.fakes.node import FakePlatform, write_disk

GOLDEN = Path(__file__).parents[2] / "golden"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def bundle() -> SecretsBundle:
    return load_secrets((GOLDEN / "config/secrets.yaml").read_text())


@pytest.fixture(scope="session")
def generated(bundle: SecretsBundle) -> Generated:
    return generate("demo", "https://10.0.0.10:6443", bundle, now=NOW)


@pytest.fixture
def configuration(generated: Generated) -> Configuration:
    return parse_configuration(generated.worker.encode())


@pytest.fixture(scope="session")
def node_key() -> bytes:
    return new_key()


@pytest.fixture
def platform(tmp_path: Path, node_key: bytes) -> FakePlatform:
    """A platform with a freshly flashed disk."""
    write_disk(tmp_path / "disk.img", {keys.NODE_KEY: node_key})
    return FakePlatform(tmp_path)


@pytest.fixture
def logs() -> LogBook:
    return start_logging(lambda _text: None)


@pytest.fixture
def new_machine(platform: FakePlatform, logs: LogBook) -> Callable[[], Machine]:
    """What switches the machine on: every call is a boot of the same disk."""
    return lambda: Machine(platform, logs)
