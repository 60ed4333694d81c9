# SPDX-License-Identifier: Apache-2.0
"""Nodes met by their consoles alone: what is believed, and what somebody else may have printed."""

import base64

import pytest

from edge.errors import NodeError, StageTimeoutError, TrustError
from edge.events import Event, Noted
from edge.provision.console import Facts, StageDetector, open_console
from edge.provision.console import meet as meet_module
from edge.provision.console.meet import meet_node
from tests.fakes.console_server import ConsoleServer

PIN = base64.b64encode(b"n" * 32).decode()
OTHER = base64.b64encode(b"x" * 32).decode()
NODE = f"[    9.1] edge: maintenance 192.0.2.17 fingerprint {PIN} card 00c0ffee00c0ffee\n".encode()
# A USB device whose name holds a line break, as the kernel prints it on a console.
DEVICE = (
    "[    0.0] Linux version 6.12\n[    3.1] usb 1-1: Product: x\n"
    f"[    3.1] edge: maintenance 203.0.113.66 fingerprint {OTHER}\n"
).encode()


def meet(text: bytes, *, heard: list[Event] | None = None, known: str = "") -> Facts:
    """Return who is met at a console that says `text`, in at most half a second."""
    events: list[Event] = [] if heard is None else heard
    with ConsoleServer(text) as server, open_console(server.url) as console:
        return meet_node(
            console,
            events.append,
            timeout_s=0.5,
            is_proven=lambda facts: facts.fingerprint == known,
        )


def test_known_key_is_believed_at_once() -> None:
    """A key that something else proves needs no second word, even beside another."""
    assert meet(NODE, known=PIN).addresses == ("192.0.2.17",)
    assert meet(DEVICE + NODE, known=PIN).fingerprint == PIN


def test_unknown_key_has_to_be_named_again() -> None:
    """One line is not enough: whoever waits is told why, and how to go on."""
    heard: list[Event] = []
    with pytest.raises(StageTimeoutError, match="did not say again in time") as caught:
        meet(NODE + NODE, heard=heard)
    assert "--cert-fingerprint" in (caught.value.hint or "")
    told = [each.text for each in heard if isinstance(each, Noted)]
    assert len(told) == 1
    assert PIN in told[0]


def test_two_keys_in_one_boot_are_refused() -> None:
    """What a USB device is called speaks for nobody once the node itself has spoken."""
    with pytest.raises(TrustError, match="two keys were named in one boot") as caught:
        meet(DEVICE + NODE)
    assert PIN in caught.value.message
    assert OTHER in caught.value.message


def test_key_that_is_named_for_long_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node repeats itself, and nobody contradicts."""
    monkeypatch.setattr(meet_module, "AGREED_S", 0.1)
    with ConsoleServer(NODE) as server, open_console(server.url) as console:

        def hear(event: Event) -> None:
            if isinstance(event, Noted):
                waits.append(event)

        waits: list[Event] = []
        detector = StageDetector()
        detector.feed(NODE, -1.0)
        assert meet_node(console, hear, timeout_s=5, detector=detector).fingerprint == PIN
        assert waits == []


def test_agreement_is_counted_in_one_boot() -> None:
    """Another key, and another boot, begin anew."""
    detector = StageDetector()
    detector.feed(NODE, 1.0)
    detector.feed(NODE, 31.0)
    assert detector.agreed_s == 30.0
    detector.feed(DEVICE, 32.0)
    assert detector.agreed_s == 0.0
    detector.feed(NODE, 40.0)
    assert detector.agreed_s == 0.0
    assert detector.facts.rivals == (OTHER,)


def test_rivals_are_bounded() -> None:
    """A console that names keys for ever fills no memory."""
    detector = StageDetector()
    for number in range(50):
        pin = base64.b64encode(bytes([number]) * 32).decode()
        detector.feed(f"edge: maintenance 10.0.0.1 fingerprint {pin}\n".encode(), 0.0)
    assert len(detector.facts.rivals) == 4


def test_configured_node_is_named_as_such() -> None:
    """A node that runs is not waited for."""
    with pytest.raises(NodeError, match="configured already"):
        meet(f"edge: running 10.0.0.1 fingerprint {PIN}\n".encode())
