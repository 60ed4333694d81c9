# SPDX-License-Identifier: Apache-2.0
"""Commands for nodes, as far as they can be wrong before a node is asked."""

import re
import stat
from pathlib import Path

import click
import pytest

from edge.cli.commands.list import mode_text
from edge.cli.commands.netstat import _protocols
from edge.cli.commands.reset import _choose
from edge.cli.main import ALIASES, COMMANDS, run
from edge.cli.values import DURATION, NUMBER

DOCUMENT = Path(__file__).parents[3] / "docs/commands.md"


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (1 << 31 | 0o755, "drwxr-xr-x"),
        (1 << 27 | 0o777, "lrwxrwxrwx"),
        (1 << 26 | 0o660, "brw-rw----"),
        (1 << 26 | 1 << 21 | 0o666, "crw-rw-rw-"),
        (1 << 25 | 0o600, "prw-------"),
        (1 << 24 | 0o600, "srw-------"),
        (1 << 23 | 0o755, "-rwsr-xr-x"),
        (1 << 22 | 0o644, "-rw-r-Sr--"),
        (1 << 31 | 1 << 20 | 0o777, "drwxrwxrwt"),
    ],
)
def test_modes_are_shown_as_people_know_them(mode: int, text: str) -> None:
    """The bits that nodes send, which are not those of stat(2)."""
    assert mode_text(mode) == text


def test_plain_modes_agree_with_the_library() -> None:
    """For rights alone there is another implementation to compare with."""
    for mode in range(0o1000):
        assert mode_text(mode) == stat.filemode(mode | stat.S_IFREG)


@pytest.mark.parametrize(
    ("chosen", "protocols"),
    [
        ((), ("tcp", "tcp6", "udp", "udp6")),
        (("tcp",), ("tcp", "tcp6")),
        (("tcp", "ipv4"), ("tcp",)),
        (("ipv6",), ("tcp6", "udp6")),
        (("raw", "udplite", "ipv4", "ipv6"), ("udplite", "udplite6", "raw", "raw6")),
    ],
)
def test_protocols_of_netstat(chosen: tuple[str, ...], protocols: tuple[str, ...]) -> None:
    """Letters add up; both address families unless one is named."""
    names = ("tcp", "udp", "udplite", "raw", "ipv4", "ipv6")
    assert _protocols({name: name in chosen for name in names}) == protocols


def test_what_a_reset_wipes() -> None:
    """Nothing named is what comes back in maintenance; a mode alone is the whole disk."""
    assert _choose((), (), None, whole=False).labels == ("STATE", "EPHEMERAL")
    assert _choose(("META",), (), None, whole=False).labels == ("META",)
    assert _choose((), (), "all", whole=False).whole
    assert _choose((), (), None, whole=True).whole
    disks = _choose((), ("/dev/sdb",), "user-disks", whole=False)
    assert (disks.whole, disks.labels, disks.mode) == (False, (), "user-disks")
    assert _choose(("STATE",), ("/dev/sdb",), None, whole=False).mode == "all"


@pytest.mark.parametrize(
    ("labels", "disks", "mode"),
    [(("STATE",), (), "user-disks"), ((), (), "user-disks"), ((), ("sdb",), "system-disk")],
)
def test_contradictions_of_a_reset(
    labels: tuple[str, ...], disks: tuple[str, ...], mode: str
) -> None:
    """What the node would refuse is refused here, before anybody is asked."""
    with pytest.raises(click.UsageError):
        _choose(labels, disks, mode, whole=False)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1m30s", 90), ("30m0s", 1800)])
def test_durations(text: str, seconds: float) -> None:
    """Seconds without a unit, or the way Go programs write them."""
    assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize(("text", "number"), [("10", 10), ("0x0a", 10), ("-5", -5)])
def test_numbers(text: str, number: int) -> None:
    """Decimal and hexadecimal."""
    assert NUMBER.convert(text, None, None) == number


def test_every_other_name_leads_somewhere() -> None:
    """No alias hides a command, and all that lead to one that is there can be asked for help."""
    assert not set(ALIASES) & set(COMMANDS)
    for alias, name in ALIASES.items():
        if name in COMMANDS:
            assert run([alias, "--help"]) == 0


def test_the_documentation_names_every_command() -> None:
    """A command that nobody wrote about is found here."""
    text = DOCUMENT.read_text()
    missing = [name for name in COMMANDS if not re.search(rf"`{name}[ `]", text)]
    assert missing == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("list -t x -n a", "not one of f, d and l"),
        ("meta write ten x -n a", "is no number"),
        ("health --wait-timeout soon", "is no duration"),
        ("events --tail 3 --since d0fh3h7f2ov2fgsqk0lg -n a", "give one"),
        ("events --since yesterday -n a", "is no id of an event"),
        ("etcd remove-member -n a xyz --yes", "no hexadecimal number"),
        ("bootstrap --recover-skip-hash-check -n a", "goes with --recover-from"),
        ("interfaces", "edgectl get links"),
        ("routes", "edgectl get routes"),
        ("upgrade -n a", "--image"),
        ("meta write 10 x", "no node is named"),
        ("meta delete 10", "no node is named"),
        ("services mdns stop", "no node is named"),
        ("services mdns restart", "no node is named"),
        ("restart etcd", "no node is named"),
        ("etcd forfeit-leadership", "no node is named"),
        ("etcd defrag", "no node is named"),
        ("etcd alarm disarm", "no node is named"),
        ("etcd downgrade cancel", "no node is named"),
        ("rotate-ca --dry-run=false", "no node is named"),
        ("pcap -n a --bpf-filter port", "not compiled"),
    ],
)
def test_mistakes_are_found_here(
    line: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A mistake on the command line costs no connection and says what to type."""
    (tmp_path / "config").write_text("context: c\ncontexts: {c: {nodes: [a]}}\n")
    assert run([*line.split(), "--talosconfig", str(tmp_path / "config")]) in (2, 3)
    assert said in capsys.readouterr().err
