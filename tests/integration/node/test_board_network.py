# SPDX-License-Identifier: Apache-2.0
"""What a board makes of its links, with a kernel's network namespace for one test."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
    reason="a network namespace needs root, unshare and ip",
)


def _play(scene: str) -> dict[str, Any]:
    done = subprocess.run(
        [
            *("unshare", "--net", "--mount", "--"),
            *(sys.executable, "-m", "tests.integration.node.board_network", scene),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_static_addresses_and_routes_come_and_go() -> None:
    """Applying twice is applying once; what is no longer wanted is taken away."""
    result = _play("static")
    before, after = result["before"], result["after"]
    assert "eth0/10.9.0.2/24" in before["addresses"]
    assert "eth0/fd09::2/64" in before["addresses"]
    assert "inet4/10.9.0.1//0" in before["routes"]
    assert "inet4/10.9.0.1/10.8.0.0/16/7" in before["routes"]
    assert before["resolvers"] == ["10.9.0.1"]
    assert "eth0/10.9.0.3/24" in after["addresses"]
    assert "eth0/10.9.0.2/24" not in after["addresses"]
    assert not [route for route in after["routes"] if "10.9.0.1/" in route]
    assert result["resolv"] == "nameserver 10.9.0.1\n"
    assert result["replaced"]
    assert "10.9.0.9 nine\n" in result["hosts"]


def test_network_of_the_card_is_acted_on_without_a_configuration() -> None:
    """Its link has the address and asks nobody; the other one asks for a lease."""
    result = _play("metal")
    assert "eth0/10.9.0.7/24" in result["seen"]["addresses"]
    assert "inet4/10.9.0.1//1024" in result["seen"]["routes"]
    assert result["resolv"] == "nameserver 10.9.0.1\n"
    assert result["clients"] == ["eth1"]


def test_links_that_somebody_made_are_left_alone() -> None:
    """A container's link without a bridge gets no lease and keeps its addresses."""
    result = _play("foreign")
    assert "eth0/10.244.0.1/32" in result["addresses"]
    assert result["clients"] == []


def test_what_the_kernel_refuses_does_not_hold_up_the_rest() -> None:
    """Neither of its link nor of others; what it is and the kernel's reason are the fault."""
    result = _play("fault")
    assert result["message"] == (
        "link eth0: route 10.8.0.0/16 via 192.0.2.1: Network is unreachable; "
        "link eth1: address fd09::2/64: Permission denied"
    )
    assert "eth0/10.9.0.2/24" in result["seen"]["addresses"]
    assert "inet4/10.9.0.1//0" in result["seen"]["routes"]
    assert "eth1/10.9.1.2/24" in result["seen"]["addresses"]


def test_dhcp_comes_back_with_its_link() -> None:
    """A network adapter may be pulled and plugged in again."""
    result = _play("lost")
    assert result == {
        "started": ["eth0", "eth1"],
        "gone": ["eth1"],
        "again": ["eth0", "eth1"],
        "end": [],
    }


def test_applying_twice_touches_nothing() -> None:
    """The kernel has nothing to tell."""
    assert _play("twice") == {"told": [], "same": True}


def test_the_network_converges_whatever_it_was() -> None:
    """Earlier configurations, dead machineds and hands leave no trace; others' links stay."""
    result = _play("converge")
    assert result["changed"] != result["wanted"]
    assert "inet4/10.9.0.1/10.8.0.0/16/" in " ".join(result["changed"]["routes"])
    assert result["changed"]["mtus"]["eth0"] == 1400
    reached = result["reached"]
    reached["mtus"].pop("cni0")
    assert reached == result["wanted"]
    assert result["others"] == ["cni0/10.244.0.1/24", "eth0/10.69.0.1/24"]


def test_a_link_goes_down_and_up_by_configuration() -> None:
    """And loses its addresses in between."""
    assert _play("down") == {"states": [["down", False], ["up", True]]}


def test_a_lease_converges() -> None:
    """Metrics change under it, a new machined keeps it, a static address replaces it."""
    first, changed, restarted, again, routeless, static = _play("leased")["seen"]
    (address,) = first["addresses"]
    assert first["routes"] == ["inet4/10.9.0.1//300"]
    assert changed == {"addresses": [address], "routes": ["inet4/10.9.0.1//400"]}
    assert restarted == changed
    assert again == changed
    assert routeless == {"addresses": [address], "routes": []}
    assert static == {"addresses": ["eth0/10.9.0.3/24"], "routes": []}


def test_a_trial_that_cuts_the_operator_off_goes_back() -> None:
    """And nothing of it is kept."""
    assert set(_play("trial").values()) == {True}
