# SPDX-License-Identifier: Apache-2.0
"""Client configurations that a lab node issues, as they are typed and used."""

import json
from pathlib import Path

from edge.config.talosconfig import load_talosconfig
from edge.pki.secrets import load_secrets
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


def test_an_ed25519_client_is_told_and_gets_another_certificate(
    cluster: Cluster, tmp_path: Path
) -> None:
    """As stock tools make them: nodes cannot verify it, an administrator can replace it."""
    own = load_talosconfig(cluster.folder / "talosconfig").context()
    files = {name: str(tmp_path / f"os.{name}") for name in ("crt", "key")}
    secrets = str(tmp_path / "secrets.yaml")
    source = ("--from-controlplane-config", cluster.controlplane)
    assert edgectl("gen", "secrets", *source, "-o", secrets).code == 0
    authority = load_secrets(Path(secrets).read_text()).os
    Path(files["crt"]).write_bytes(authority.certificate)
    Path(files["key"]).write_bytes(authority.key)
    me = str(tmp_path / "me")
    assert edgectl("gen", "key", "--name", me, "--algorithm", "ed25519").code == 0
    assert edgectl("gen", "csr", "--key", f"{me}.key").code == 0
    signed = edgectl("gen", "crt", "--name", me, "--ca", files["crt"], "--csr", f"{me}.csr")
    assert "cannot verify a client" in signed.err
    theirs = ("--talosconfig", str(tmp_path / "theirs"))
    pair = ("--crt", f"{me}.crt", "--key", f"{me}.key")
    assert edgectl("config", "add", "theirs", "--ca", files["crt"], *pair, *theirs).code == 0
    refused = edgectl("version", "-n", cluster.first, *theirs)
    assert refused.code != 0
    assert "its key is Ed25519" in refused.err
    assert "edgectl config new PATH" in refused.err
    # From an administrator who is let in, and from the secrets.
    new = str(tmp_path / "new")
    assert edgectl("config", "new", new).code == 0
    assert edgectl("version", "-n", cluster.first, "--talosconfig", new).code == 0
    args = ("--with-secrets", secrets, "-t", "talosconfig", "-o", f"{new}-talosconfig")
    made = edgectl("gen", "config", "test", f"https://{cluster.first}:6443", *args)
    assert made.code == 0, made.err
    found = next(path for path in tmp_path.glob("new-talosconfig*"))
    file = found / "talosconfig" if found.is_dir() else found
    assert edgectl("version", "-n", cluster.first, "--talosconfig", str(file)).code == 0
    assert own.ca == load_talosconfig(file).context().ca
