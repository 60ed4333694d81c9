# SPDX-License-Identifier: Apache-2.0
"""Who gets a first configuration: the node that is proven, or that somebody said yes to."""

import io
from pathlib import Path

import pytest

from edge.cli.main import run
from edge.client.model import Applied, ApplyMode
from edge.client.trust import Pinned
from edge.provision.contact import Contact

FINGERPRINT = "A" * 43 + "="


class Keyboard(io.StringIO):
    """Somebody who types an answer."""

    def isatty(self) -> bool:
        """Say that somebody is there."""
        return True


class Stranger:
    """A node that nobody proved; what it is sent is kept."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def contact(self, node: str, *_: object, **__: object) -> Contact:
        """Give a way to it."""
        trust = Pinned(fingerprints=frozenset({FINGERPRINT}))
        return Contact(node=node, fingerprint=FINGERPRINT, trust=trust)

    async def configure(self, _contact: Contact, text: str, **_: object) -> Applied:
        """Take a configuration."""
        self.sent.append(text)
        return Applied(mode=ApplyMode.AUTO, details="done", warnings=())

    async def wait(self, _contact: Contact) -> bool:
        """Say that it left maintenance."""
        return True


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Stranger:
    """Give the node that every address leads to."""
    stranger = Stranger()
    monkeypatch.setattr("edge.provision.contact.make_contact", stranger.contact)
    monkeypatch.setattr("edge.provision.contact.configure", stranger.configure)
    monkeypatch.setattr("edge.provision.contact.wait_configured", stranger.wait)
    return stranger


@pytest.fixture
def apply(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give the command that sends a generated configuration."""
    assert run(["gen", "config", "c", "https://10.0.0.1:6443", "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    return ["apply-config", "-i", "-n", "10.9.9.9", "-f", str(tmp_path / "worker.yaml")]


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_stranger_gets_nothing_from_a_script(
    stranger: Stranger,
    apply: list[str],
    more: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where nobody can be asked it needs -y or the fingerprint, and the hint says so."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run([*apply, *more]) == 8
    assert stranger.sent == []
    told = capsys.readouterr().err
    assert f"--cert-fingerprint '{FINGERPRINT}'" in told
    assert "-y" in told
    assert run([*apply, *more, "-y"]) == 0
    assert len(stranger.sent) == 1
    assert run([*apply, *more, "--cert-fingerprint", FINGERPRINT]) == 0
    assert len(stranger.sent) == 2


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
@pytest.mark.parametrize(("answer", "count"), [("y\n", 1), ("n\n", 0), ("", 0)])
def test_somebody_is_asked(
    stranger: Stranger,
    apply: list[str],
    more: list[str],
    answer: str,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dry run discloses as much as an application."""
    monkeypatch.setattr("sys.stdin", Keyboard(answer))
    assert (run([*apply, *more]) == 0) == bool(count)
    assert len(stranger.sent) == count
