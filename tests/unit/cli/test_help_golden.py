# SPDX-License-Identifier: Apache-2.0
"""Help texts of the commands for nodes, word for word: scripts and habits rest on options.

After a wanted change delete the file in tests/golden/cli/help and run this twice: the first run
writes it anew, and fails.
"""

from pathlib import Path

import pytest

from edge.cli.main import run

GOLDEN = Path(__file__).parents[2] / "golden/cli/help"

PAGES = (
    *(
        "bootstrap",
        "cgroups",
        "copy",
        "diskfree",
        "disks",
        "dmesg",
        "etcd",
        "events",
        "health",
        "kubeconfig",
        "list",
    ),
    *("logs", "memory", "meta", "mounts", "netstat", "pcap", "processes", "read", "reboot"),
    *("reset", "rollback", "services", "shutdown", "support", "time", "upgrade", "upgrade-k8s"),
    *("usage", "wipe", "etcd members", "etcd snapshot", "etcd remove-member", "etcd leave"),
    *("meta write", "meta delete", "wipe disk", "console", "apply-config"),
)


@pytest.mark.parametrize("page", PAGES)
def test_help_is_as_it_was(
    page: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every option, default and sentence."""
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*page.split(), "--help"]) == 0
    # Which options name nodes is the same for all and told elsewhere.
    printed = capsys.readouterr().out.partition("\nWhich nodes:")[0]
    golden = GOLDEN / f"{page.replace(' ', '-')}.txt"
    if not golden.exists():
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(printed)
        pytest.fail(f"{golden.name} was not there and is written; look at it and run again")
    assert printed == golden.read_text()
