# SPDX-License-Identifier: Apache-2.0
"""Lab nodes of their own, a cluster's configuration files, and real services."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.config.generate import generate
from edge.config.talosconfig import dump_talosconfig
from edge.pki.secrets import SecretsBundle, new_secrets
from edge.provision.lab import Lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Give an empty lab and clear it away afterwards."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("TALOSCONFIG", "TALOS_HOME", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    lab = Lab()
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture
def secrets() -> SecretsBundle:
    """Return the secrets of a new cluster."""
    return new_secrets(now=datetime.now(UTC))


@pytest.fixture
def files(tmp_path: Path, secrets: SecretsBundle) -> Path:
    """Return a folder with the configurations of a cluster."""
    made = generate("home", "https://127.0.0.1:6443", secrets, now=datetime.now(UTC))
    (tmp_path / "controlplane.yaml").write_text(made.controlplane)
    (tmp_path / "talosconfig").write_text(dump_talosconfig(made.talosconfig))
    (tmp_path / "broken.yaml").write_text("version: v1alpha1\nmachne: {}\nclustr: {}\n")
    return tmp_path
