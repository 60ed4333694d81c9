# SPDX-License-Identifier: Apache-2.0
"""A node's life through edgectl: first contact, configuration, restart, reset, power cut."""

import os
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from edge.config.talosconfig import load_talosconfig, save_talosconfig
from edge.pki.certificate import KeyPair, issue_client
from edge.pki.role import Role

from .conftest import Cluster, Done, edgectl, following, until


def field(node: str, kind: str, path: str, *more: str) -> str:
    """Return one field of a node's only resource of a kind."""
    done = edgectl("get", kind, "-n", node, "-o", f"jsonpath={path}", *more)
    assert done.code == 0, done.err
    return done.out.strip()


def hostname(node: str) -> str:
    """Return a node's name."""
    return field(node, "hostname", "{.spec.hostname}")


def boot_id(node: str, *more: str) -> str:
    """Return the identity of a node's boot."""
    return field(node, "bootid", "{.spec.bootID}", *more)


def rename(name: str) -> str:
    """Return a patch that names a node."""
    return f"kind: HostnameConfig\napiVersion: v1alpha1\nauto: off\nhostname: {name}\n"


def configured(cluster: Cluster, node: str, *more: str) -> Done:
    """Give a fresh node the worker's configuration."""
    return edgectl("apply-config", "-i", "-n", node, "-f", cluster.worker, *more)


def test_node_with_our_card_is_recognised(fresh: str) -> None:
    """Maintenance mode can be read with -i; a card flashed here needs no fingerprint."""
    done = edgectl("get", "disks", "--insecure", "-n", fresh)
    assert (done.code, done.err) == (0, "")
    assert done.rows()[0][:5] == ["NODE", "NAMESPACE", "TYPE", "ID", "VERSION"]
    assert done.rows()[1][:4] == [fresh, "runtime", "Disk", "disk.img"]


def test_node_with_our_card_lets_us_wipe(
    fresh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In maintenance mode whoever flashed its card may wipe disks, and nobody else."""
    wipe = ("wipe", "disk", "sda", "--insecure", "-y", "-n", fresh)
    assert "there is no disk sda on this node" in edgectl(*wipe).err
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    done = edgectl(*wipe)
    assert done.code == 8
    assert "only by whoever flashed its card" in done.err


def test_first_configuration_makes_a_member(cluster: Cluster, fresh: str) -> None:
    """Enrolment lets the owner of the card configure the node, which answers mTLS at once."""
    done = configured(cluster, fresh)
    assert done.code == 0
    assert "without a reboot" in done.err
    assert edgectl("version", "--short", "-n", fresh).out.splitlines()[-1].startswith("Server")


def test_stranger_is_refused(
    cluster: Cluster, fresh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who did not flash the card hears that nobody is proven, and cannot configure the node."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    done = configured(cluster, fresh)
    assert done.code == 8
    assert "it was not sent the cluster's secrets" in done.err
    done = configured(cluster, fresh, "--yes")
    assert done.code == 8
    assert "nobody proved who" in done.err
    assert "only by whoever flashed its card" in done.err
    assert field(fresh, "machinestatus", "{.spec.stage}", "-i") == "maintenance"


def test_wrong_fingerprint_is_refused(cluster: Cluster, fresh: str) -> None:
    """A pinned key that the node does not have stops everything, and names both."""
    wrong = "A" * 43 + "="
    done = edgectl(
        "apply-config", "-i", "--cert-fingerprint", wrong, "-n", fresh, "-f", cluster.worker
    )
    assert done.code == 8
    assert f"not {wrong}" in done.err


def test_every_fault_is_told_before_anything_is_sent(
    cluster: Cluster, fresh: str, tmp_path: Path
) -> None:
    """A configuration with three faults ends with code 3, names all three and changes nothing."""
    document = next(yaml.safe_load_all(Path(cluster.worker).read_text()))
    document["machine"]["type"] = "boss"
    document["machine"]["colour"] = "red"
    document["cluster"]["controlPlane"]["endpoint"] = "ftp://nowhere"
    bad = tmp_path / "bad.yaml"
    bad.write_text(yaml.safe_dump(document))
    done = edgectl("apply-config", "-i", "-n", fresh, str(bad))
    assert done.code == 3
    for word in ("has 3 faults", "boss", "colour", "ftp://nowhere"):
        assert word in done.err
    assert field(fresh, "machinestatus", "{.spec.stage}", "-i") == "maintenance"


def test_wrong_way_to_talk_is_explained(cluster: Cluster, fresh: str) -> None:
    """A configured node says to leave --insecure out, one in maintenance to add it."""
    done = edgectl("apply-config", "-i", "-n", cluster.first, "-f", cluster.controlplane)
    assert done.code == 9
    assert "is configured already" in done.err
    assert "leave out --insecure" in done.err
    done = edgectl("get", "disks", "-n", fresh)
    assert done.code == 8
    assert "maintenance mode wants --insecure" in done.err


def test_reader_may_look_but_not_reboot(cluster: Cluster, tmp_path: Path) -> None:
    """Roles come from the certificate: a reader's reboot is refused."""
    ca = next(yaml.safe_load_all(Path(cluster.controlplane).read_text()))["machine"]["ca"]
    pair = KeyPair(certificate=b64decode(ca["crt"]), key=b64decode(ca["key"]))
    reader = issue_client(pair, [Role.READER], now=datetime.now(UTC))
    config = load_talosconfig(cluster.folder / "talosconfig")
    context = replace(config.context(), crt=reader.certificate, key=reader.key)
    save_talosconfig(config.with_context("test", context), tmp_path / "reader")
    access = ("-n", cluster.first, "--talosconfig", str(tmp_path / "reader"))
    assert edgectl("get", "machinestatus", *access).code == 0
    assert edgectl("get", "machineconfig", *access).code == 8
    before = boot_id(cluster.first)
    done = edgectl("reboot", "--yes", *access)
    assert done.code == 8
    assert "not authorized" in done.err
    assert boot_id(cluster.first) == before


def test_tried_configuration_goes_back(cluster: Cluster) -> None:
    """Mode try takes effect at once and ends by itself after the time-out."""
    before = hostname(cluster.first)
    done = edgectl(
        *("apply-config", "-n", cluster.first, "-f", cluster.controlplane),
        *("--config-patch", rename("tried"), "--mode", "try", "--timeout", "1s"),
    )
    assert done.code == 0
    assert "going back in 1 s" in done.err
    until(lambda: hostname(cluster.first) == "tried")
    until(lambda: hostname(cluster.first) == before)


def test_dry_run_shows_the_difference_and_keeps_quiet_about_secrets(cluster: Cluster) -> None:
    """A dry run prints a diff to stdout and changes nothing."""
    before = hostname(cluster.first)
    done = edgectl(
        *("apply-config", "-n", cluster.first, "-f", cluster.controlplane),
        *("-p", rename("dreamt"), "--dry-run"),
    )
    assert done.code == 0
    assert "+hostname: dreamt" in done.out
    assert hostname(cluster.first) == before


def test_reboot_waits_for_another_boot(cluster: Cluster) -> None:
    """Reboot ends once the node is back, and only then."""
    before = boot_id(cluster.first)
    done = edgectl("reboot", "-n", cluster.first, "--yes")
    assert done.code == 0
    assert "back after" in done.err
    assert boot_id(cluster.first) != before


def test_destruction_names_its_nodes(cluster: Cluster) -> None:
    """Nodes of the client configuration are no targets; nobody to ask means no."""
    before = boot_id(cluster.first)
    for verb in ("reboot", "shutdown", "reset"):
        done = edgectl(verb, "--yes")
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "-n ADDRESS" in done.err
        done = edgectl(verb, "-n", cluster.first)
        assert done.code == 2
        assert cluster.first in done.err
        assert "add --yes" in done.err
    assert boot_id(cluster.first) == before


def test_reset_leads_back_to_maintenance(cluster: Cluster, fresh: str) -> None:
    """A reset says what is lost, wipes it and waits until the node is in maintenance again."""
    configured(cluster, fresh)
    done = edgectl("reset", "-n", fresh)
    assert "STATE: the machine configuration" in done.err
    done = edgectl("reset", "-n", fresh, "--yes")
    assert done.code == 0, done.err
    assert field(fresh, "machinestatus", "{.spec.stage}", "-i") == "maintenance"
    assert configured(cluster, fresh).code == 0


def test_configuration_survives_a_power_cut(cluster: Cluster) -> None:
    """A node whose plug was pulled comes back configured."""
    name = cluster.nodes[1].name
    node = cluster.nodes[1].address
    before, boot = hostname(node), boot_id(node)
    assert edgectl("lab", "cut", name).code == 0
    assert edgectl("get", "hostname", "-n", node).code == 9
    assert edgectl("lab", "start", name).code == 0
    assert hostname(node) == before
    assert boot_id(node) != boot


def test_shutdown_waits_until_the_node_is_gone(cluster: Cluster, fresh: str) -> None:
    """A node that was powered off no longer answers."""
    configured(cluster, fresh)
    done = edgectl("shutdown", "-n", fresh, "--yes")
    assert done.code == 0
    assert "gone after" in done.err
    assert edgectl("version", "-n", fresh).code == 9


def test_new_configuration_is_seen_by_a_watch(cluster: Cluster) -> None:
    """A watch prints what there is, then every change, and ends quietly on ctrl-C."""
    node = cluster.nodes[1].address
    with following("get", "hostname", "--watch", "-n", node) as watch:
        assert watch.wait_for(lambda line: "NODE" in line).split()[1] == "*"
        assert watch.wait_for(lambda line: node in line).split()[1] == "+"
        done = edgectl("apply-config", "-n", node, "-f", cluster.worker, "-p", rename("watched"))
        assert done.code == 0
        watch.wait_for(lambda line: line.split()[-1] == "watched")
        code, err = watch.interrupt()
    assert code == 130
    assert "Traceback" not in err


def test_home_is_the_tests_own(home: Path) -> None:
    """No test of this module touches the user's files."""
    assert os.environ["HOME"] == str(home)
