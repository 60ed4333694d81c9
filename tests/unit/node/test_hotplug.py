# SPDX-License-Identifier: Apache-2.0
"""Devices that appear later get their drivers, too."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.node.boot.hotplug import Hotplug, kernel_events
from edge.node.boot.module import Modules
from tests.fakes.kernel_events import Pair, event_pair

ADDED = (
    b"add@/devices/platform/soc/usb1/1-1/1-1:1.0\0ACTION=add\0SUBSYSTEM=usb\0"
    b"MODALIAS=usb:v0525pA4A2d0000dc02dsc00dp00ic02isc06ip00in00\0SEQNUM=901\0"
)
WAITING = """
import signal, socket
from pathlib import Path
from edge.node.boot.hotplug import SIGNAL, Hotplug
from edge.node.boot.module import Modules
signal.pthread_sigmask(signal.SIG_BLOCK, {SIGNAL})
kernel, listener = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
hotplug = Hotplug(Modules(Path("/nowhere")), listener)
kernel.send(b"add@/devices/one")
print("woken" if signal.sigtimedwait({SIGNAL}, 60) else "asleep")
"""
ALIASES = "alias usb:v*p*d*dc*dsc*dp*ic02isc06ip00in* cdc_ether\n"


@pytest.fixture
def loaded() -> list[str]:
    return []


@pytest.fixture
def modules(tmp_path: Path, loaded: list[str]) -> Modules:
    (tmp_path / "modules.dep").write_text("usbnet.ko:\ncdc_ether.ko: usbnet.ko\n")
    (tmp_path / "modules.alias").write_text(ALIASES)
    return Modules(tmp_path, lambda path: loaded.append(path.name))


@pytest.fixture
def pair() -> Iterator[Pair]:
    with event_pair() as made:
        yield made


def test_a_device_that_appears_gets_its_driver(
    pair: Pair, modules: Modules, loaded: list[str]
) -> None:
    """What the driver needs comes first."""
    kernel, listener = pair
    hotplug = Hotplug(modules, listener)
    hotplug.tend()
    assert loaded == []
    kernel.send(ADDED)
    hotplug.tend()
    assert loaded == ["usbnet.ko", "cdc_ether.ko"]


def test_a_signal_says_that_there_are_events() -> None:
    """PID 1 waits for signals; here in a process of its own, because any thread takes them."""
    command = [sys.executable, "-c", WAITING]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "woken\n"


@pytest.mark.parametrize(
    "event",
    [
        ADDED.replace(b"add@", b"remove@"),
        ADDED.replace(b"MODALIAS=", b"NAME="),
        b"libudev\0\xfe\xed\xca\xfe" + ADDED,
        b"",
    ],
)
def test_other_events_load_nothing(
    event: bytes, pair: Pair, modules: Modules, loaded: list[str]
) -> None:
    """Of devices that go, have no driver, or that somebody else tells of."""
    kernel, listener = pair
    hotplug = Hotplug(modules, listener)
    kernel.send(event)
    hotplug.tend()
    assert loaded == []


def test_lost_events_are_made_up_for(pair: Pair, modules: Modules) -> None:
    """The kernel says when it had more to tell than there was room for."""
    seen: list[Modules] = []

    class Full:
        """A socket that lost something."""

        def __init__(self) -> None:
            self.setblocking, self.fileno = pair[1].setblocking, pair[1].fileno

        def recv(self, _size: int) -> bytes:
            raise OSError(105, os.strerror(105))

    full: socket.socket = Full()  # type: ignore[assignment]
    Hotplug(modules, full, seen.append).tend()
    assert seen == [modules]


@given(st.binary(max_size=200))
def test_no_event_does_harm(event: bytes) -> None:
    """PID 1 may not end by anything that the kernel says."""
    with event_pair() as (kernel, listener):
        hotplug = Hotplug(Modules(Path("/nowhere")), listener)
        for each in (event, b"add@" + event, b"add@/x\0MODALIAS=" + event):
            kernel.send(each)
        hotplug.tend()


def test_the_kernel_has_events() -> None:
    """On every machine that these tests run on."""
    with kernel_events() as listener:
        assert listener.getsockname()[1] == 1
