# SPDX-License-Identifier: Apache-2.0
"""Leases of real DHCP servers, and the kernel's state as `ip` tells it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = ("unshare", "ip", "dnsmasq", "busybox")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, TOOLS)),
    reason=f"network namespaces and servers need root, {', '.join(TOOLS)}",
)


def _play(scene: str) -> dict[str, Any]:
    done = subprocess.run(
        [
            *("unshare", "--net", "--mount", "--"),
            *(sys.executable, "-m", "tests.integration.node.leases", scene),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_lease_brings_all_that_the_server_grants() -> None:
    """Classless routes replace the router, which dnsmasq names as well."""
    assert _play("grant") == {
        "length": 24,
        "network": "10.9.0.0/24",
        "gateway": "10.9.0.4",
        "routes": [["10.8.0.0/16", "10.9.0.2"]],
        "resolvers": ["10.9.0.3"],
        "domain": "site.example",
    }


def test_a_lease_is_renewed_before_it_ends() -> None:
    """By questions to its server alone; the address never leaves the link."""
    result = _play("renew")
    assert result["always there"]
    assert result["asked the server"] >= 2


def test_another_network_refuses_the_lease() -> None:
    """A cable that is plugged in elsewhere brings a new address, and the old one goes."""
    assert _play("refused") == {"old": 1, "new": 1, "left": []}


def test_a_server_may_start_later() -> None:
    """The client goes on asking."""
    assert _play("silent") == {"before": 0, "leased": True, "within": True}


def test_a_lease_that_nobody_renews_is_given_up() -> None:
    """With its routes; the server finds the client asking when it is back."""
    assert _play("lost") == {"first": 1, "gone": [], "routes": [], "again": 1}


def test_a_link_that_was_down_keeps_its_lease() -> None:
    """The board brings it up, and its routes, which the kernel took, come back."""
    assert _play("pulled") == {"kept": True, "route": True, "same": True}


def test_a_gateway_may_be_outside_the_leased_network() -> None:
    """Hosters lease single addresses, and a route on the link to the gateway; all of it goes."""
    on_link, through = "inet4//10.128.0.1/32/1024", "inet4/10.128.0.1/10.8.0.0/16/1024"
    result = _play("narrow")
    leased, left = result["routes"]
    assert sorted(leased) == sorted([on_link, through, "inet4/10.128.0.1//1024"])
    assert left == []
    assert result["again"] == ""


def test_a_route_that_is_refused_does_not_hold_up_the_lease() -> None:
    """Above all not the default gateway; the fault names it."""
    result = _play("strange")
    assert result["routes"] == ["inet4/10.9.0.1//1024", "inet4/10.9.0.2/10.7.0.0/16/1024"]
    assert result["fault"] == "link eth0: route 10.8.0.0/16 via 192.0.2.1: Network is unreachable"


def test_neighbours_hear_of_a_new_address() -> None:
    """They forget the board that had it before."""
    assert _play("told") == {"known": True}


def test_what_the_kernel_has_is_what_ip_shows() -> None:
    """Links, addresses and routes of many kinds."""
    for seen, shown in _play("compare").values():
        assert seen == shown
