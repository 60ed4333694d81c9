# SPDX-License-Identifier: Apache-2.0
"""The command lines that people know from introductions to Talos, typed as they know them.

They build one cluster, in the order of such an introduction: from `gen config` to `reset`.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.main import run
from edge.provision.lab import Lab

from .conftest import Done, edgectl, following

FIRST, SECOND = "10.0.0.10", "10.0.0.20"
INSTALLER = "ghcr.io/siderolabs/installer:v1.9.0"

PATCH = """\
machine:
  kubelet:
    extraArgs:
      max-pods: "150"
    extraMounts:
      - destination: /var/local-storage
        type: bind
        source: /var/local-storage
        options:
          - bind
          - rw
"""

WORKS = (
    "gen config my-cluster https://10.0.0.10:6443 --output-dir _out",
    "apply-config --insecure --nodes 10.0.0.10 --file _out/controlplane.yaml",
    "apply-config --insecure --nodes 10.0.0.20 --file _out/worker.yaml",
    "config endpoint 10.0.0.10",
    "config node 10.0.0.10",
    "health --nodes 10.0.0.10",
    "services --nodes 10.0.0.10",
    "service --nodes 10.0.0.10",
    "get machineconfig --nodes 10.0.0.10",
    "get members --nodes 10.0.0.10",
    "get addresses --nodes 10.0.0.10",
    "dmesg --nodes 10.0.0.10",
    "logs machined --nodes 10.0.0.10",
    "apply-config --nodes 10.0.0.20 --config-patch @kubelet-patch.yaml",
    "gen config two https://10.0.0.10:6443 -o _two --config-patch @kubelet-patch.yaml",
    "version --nodes 10.0.0.10",
)
"""These succeed."""

NOT_THERE_YET = (
    "bootstrap",
    "kubeconfig -n 10.0.0.10",
    "upgrade --nodes 10.0.0.10 --image " + INSTALLER,
    "upgrade --nodes 10.0.0.10 --image " + INSTALLER + " --preserve",
    "upgrade-k8s --nodes 10.0.0.10 --to 1.31.0",
    "etcd members --nodes 10.0.0.10",
    "etcd snapshot db.snapshot --nodes 10.0.0.10",
    "etcd remove-member --nodes 10.0.0.10 8e9e05c52164694d",
    "etcd forfeit-leadership --nodes 10.0.0.10",
)
"""Kubernetes and upgrades: understood, and refused in one line."""

NOT_RUNNING = ("logs kubelet --nodes 10.0.0.10", "logs etcd --nodes 10.0.0.10")
"""Logs of what a node without Kubernetes does not run."""


class Terminal(io.StringIO):
    """Somebody who says yes to everything."""

    def isatty(self) -> bool:
        """Say that somebody is there."""
        return True


@pytest.fixture(scope="module")
def addresses(lab: Lab, home: Path) -> Iterator[dict[str, str]]:
    """Give the addresses that stand for those of the introduction, in a folder of their own."""
    nodes = lab.up(2)
    (home / "kubelet-patch.yaml").write_text(PATCH)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("TALOSCONFIG", "_out/talosconfig")
        yield {FIRST: nodes[0].address, SECOND: nodes[1].address}


def type_in(line: str, addresses: dict[str, str]) -> Done:
    """Run a command line with the addresses of our nodes."""
    for known, ours in addresses.items():
        line = line.replace(known, ours)
    return edgectl(*line.split())


@pytest.mark.parametrize("line", WORKS)
def test_command_line_works(line: str, addresses: dict[str, str]) -> None:
    """The line does what it says, with the options that it has."""
    done = type_in(line, addresses)
    assert done.code == 0, done.err


def test_patch_arrived(addresses: dict[str, str]) -> None:
    """The worker's configuration has what the patch adds."""
    done = type_in(f"get machineconfig --nodes {SECOND} -o yaml", addresses)
    assert "max-pods" in done.out


@pytest.mark.parametrize("line", NOT_THERE_YET)
def test_what_is_not_there_yet_says_so(
    line: str, addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options are understood, whoever is asked says yes, and one line says that it cannot."""
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    done = type_in(line, addresses)
    # What was typed does not end the line of the question here.
    _, *said = done.err.split("edgectl: ")
    assert done.code in (9, 10)
    assert len(said) == 1
    assert any(word in said[0] for word in ("cannot", "not implement", "yet", "no Kubernetes"))
    assert len(said[0].splitlines()) == 1


@pytest.mark.parametrize("line", NOT_RUNNING)
def test_logs_of_what_does_not_run(line: str, addresses: dict[str, str]) -> None:
    """A log that is not there is met with those that are."""
    done = type_in(line, addresses)
    assert done.code == 9
    assert "has no log" in done.err
    assert "machined" in done.err


def test_kernel_log_is_followed(addresses: dict[str, str], home: Path) -> None:
    """`dmesg --follow` goes on until ctrl-C."""
    config = str(home / "_out/talosconfig")
    line = ("dmesg", "--nodes", addresses[FIRST], "--follow", "--talosconfig", config)
    with following(*line) as dmesg:
        dmesg.wait_for(lambda line: "running" in line)
        assert dmesg.interrupt()[0] == 130


@pytest.mark.parametrize(
    "line",
    [
        f"upgrade --image {INSTALLER}",
        "upgrade-k8s --to 1.31.0",
        "etcd remove-member 8e9e05c52164694d -y",
        "etcd leave -y",
        "reset --yes",
        "reboot --yes",
        "shutdown --yes",
        "rollback --yes",
        "wipe disk sda --yes",
    ],
)
def test_what_destroys_wants_targets(line: str, addresses: dict[str, str]) -> None:
    """Nodes of the client configuration are no targets for what cannot be undone."""
    done = type_in(line, addresses)
    assert done.code == 2
    assert "no node is named" in done.err


@pytest.mark.parametrize(
    "line",
    [
        f"upgrade --nodes 10.0.0.10 --image {INSTALLER}",
        "etcd remove-member --nodes 10.0.0.10 8e9e05c52164694d",
        "etcd leave --nodes 10.0.0.10",
        "reset --nodes 10.0.0.10",
        "wipe disk sda --nodes 10.0.0.10",
    ],
)
def test_what_destroys_asks(line: str, addresses: dict[str, str]) -> None:
    """Where nobody can be asked, only --yes goes on."""
    done = type_in(line, addresses)
    assert done.code == 2
    assert "add --yes" in done.err


def test_reset_brings_maintenance_back(
    addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end a node is wiped, with the options of talosctl, and waits for a configuration."""
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    line = f"reset --nodes {SECOND} --graceful=false --reboot --wait=true --timeout 1m"
    done = type_in(line, addresses)
    assert done.code == 0, done.err
    assert "maintenance" in done.err


def test_every_command_is_known() -> None:
    """What is named in passing exists, too."""
    for name in ("dashboard", "get", "dmesg", "logs", "reset", "config", "upgrade", "apply-config"):
        assert run([name, "--help"]) == 0
