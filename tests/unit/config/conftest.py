# SPDX-License-Identifier: Apache-2.0
"""Fixed secrets and the configurations generated from them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.config.generate import Generated, generate
from edge.pki.secrets import SecretsBundle, load_secrets

GOLDEN = Path(__file__).parents[2] / "golden"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def golden() -> Path:
    return GOLDEN


@pytest.fixture(scope="session")
def bundle() -> SecretsBundle:
    return load_secrets((GOLDEN / "config/secrets.yaml").read_text())


@pytest.fixture(scope="session")
def generated(bundle: SecretsBundle) -> Generated:
    return generate("demo", "https://10.0.0.10:6443", bundle, now=NOW)
