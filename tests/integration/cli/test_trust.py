# SPDX-License-Identifier: Apache-2.0
"""Client configurations that a lab node issues, as they are typed and used."""

import json
from pathlib import Path

from edge.config.talosconfig import load_talosconfig
from tests.integration.cli.conftest import Cluster, edgectl


def test_a_new_configuration_works_at_once(cluster: Cluster, tmp_path: Path) -> None:
    """For what its roles allow, and nothing else."""
    file = str(tmp_path / "reader")
    done = edgectl("config", "new", file, "--roles", "os:reader", "--crt-ttl", "24h")
    assert done.code == 0, done.err
    assert (tmp_path / "reader").stat().st_mode & 0o777 == 0o600
    config = load_talosconfig(tmp_path / "reader")
    assert config.current == "os:reader@test"
    assert config.context().endpoints == (cluster.first,)
    facts = json.loads(edgectl("config", "info", "--talosconfig", file, "-o", "json").out)
    assert facts["roles"] == ["os:reader"]
    assert "23 hours from now" in facts["certTTL"]
    assert edgectl("version", "--talosconfig", file, "-n", cluster.first).code == 0
    refused = edgectl("config", "new", str(tmp_path / "more"), "--talosconfig", file)
    assert refused.code != 0
    assert "not authorized" in refused.err
    assert not (tmp_path / "more").exists()


def test_a_file_that_exists_is_not_overwritten(cluster: Cluster, tmp_path: Path) -> None:
    """Unless that is asked for; the old one stays beside it then."""
    file = tmp_path / "mine"
    file.write_text("context: mine\n")
    done = edgectl("config", "new", str(file))
    assert (done.code, "already exists" in done.err) == (3, True)
    assert edgectl("config", "new", str(file), "--force").code == 0
    assert (tmp_path / "mine.bak").read_text() == "context: mine\n"
    assert load_talosconfig(file).current == "os:admin@test"


def test_who_cannot_issue_says_so(cluster: Cluster, tmp_path: Path) -> None:
    """Workers, several nodes at once, roles that nobody knows."""
    first, second = (node.address for node in cluster.nodes)
    file = str(tmp_path / "none")
    worker = edgectl("config", "new", file, "-n", second)
    assert "only a control plane can issue" in worker.err
    both = edgectl("config", "new", file, "-n", f"{first},{second}")
    assert (both.code, "one node at a time" in both.err) == (2, True)
    role = edgectl("config", "new", file, "--roles", "os:emperor")
    assert (role.code, "choose from os:admin" in role.err) == (2, True)
    long = edgectl("config", "new", file, "--crt-ttl", "999999h")
    assert "longer than the authority" in long.err
    assert not Path(file).exists()
