# SPDX-License-Identifier: Apache-2.0
"""Our advertiser seen by Avahi, which has its own bus and its own namespace."""

import os
import shutil
from pathlib import Path

import pytest

from tests.integration.discovery.conftest import Cable, Program

BUS = """<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
"""

AVAHI = """[server]
host-name=observer
use-ipv4=yes
use-ipv6=no
allow-interfaces=port
enable-dbus=yes
[publish]
publish-workstation=no
"""


@pytest.mark.skipif(shutil.which("avahi-daemon") is None, reason="avahi-daemon is not installed")
def test_avahi_resolves_our_node(cable: Cable, tmp_path: Path) -> None:
    """`avahi-browse` resolves our node with its address, port and every TXT key."""
    bus = _start_avahi(cable, tmp_path)
    cable.announce([100])
    browse = cable.start(
        cable.left,
        *("avahi-browse", "--resolve", "--parsable", "--no-db-lookup", "_edge-node._tcp"),
        env=bus,
    )
    fields = browse.wait_for(lambda line: line.startswith("=;")).split(";")
    assert fields[1:5] == ["port", "IPv4", "cam-100-00000064", "_edge-node._tcp"]
    assert fields[6:9] == ["cam-100-00000064.local", "10.77.0.100", "50000"]
    txt = dict(item.strip('"').split("=", 1) for item in fields[9].split(" "))
    assert len(txt.pop("fp")) == 43
    assert txt == {
        "txtvers": "1",
        "api": "1",
        "id": "00000064-0000-4000-8000-000000000000",
        "st": "maintenance",
        "ver": "0.1.0",
        "arch": "arm64",
        "board": "rpi4",
        "card": "0000000000000064",
        "cl": "homelab",
    }


def _start_avahi(cable: Cable, folder: Path) -> dict[str, str]:
    """Start a bus and Avahi on the left; return the environment that leads to them."""
    socket, conf, avahi = folder / "bus", folder / "bus.conf", folder / "avahi.conf"
    conf.write_text(BUS.format(socket=socket))
    avahi.write_text(AVAHI)
    env = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={socket}"}
    daemon = cable.start(
        cable.left, "dbus-daemon", f"--config-file={conf}", "--nofork", "--print-address=1"
    )
    daemon.wait_for(lambda line: line.startswith("unix:"))
    # The namespace's own mounts keep its pid file and socket from any Avahi of this machine.
    script = (
        "mkdir -p /run/avahi-daemon && mount -t tmpfs -o mode=755 tmpfs /run/avahi-daemon && "
        f"exec avahi-daemon --no-drop-root --no-chroot --no-rlimits --debug -f {avahi}"
    )
    responder: Program = cable.start(cable.left, "sh", "-c", script, env={**os.environ, **env})
    responder.wait_for(lambda line: "Server startup complete" in line)
    return env
