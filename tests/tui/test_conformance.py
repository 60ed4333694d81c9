# SPDX-License-Identifier: Apache-2.0
"""The fake services do what the real ones do."""

from pathlib import Path

import pytest

from tests.fakes.nodes import FakeNode, FakeServices
from tests.fakes.services_conformance import Bench, ServicesConformance
from tests.tui.stage import SECRET
from tui.services import Target


class TestFakeServices(ServicesConformance):
    """Against nodes in memory."""

    @pytest.fixture
    def bench(self, folder: Path) -> Bench:
        """Return services with one node."""
        node = FakeNode(name="edge-1", address="10.0.0.11", card=3)
        return Bench(
            services=FakeServices(node),
            target=node.target(),
            dead=Target(key="dead", endpoints=("10.0.0.99:50000",)),
            valid=folder / "worker.yaml",
            broken=folder / "broken.yaml",
            secret=SECRET,
        )
