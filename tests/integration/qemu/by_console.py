# SPDX-License-Identifier: Apache-2.0
"""A board in an emulator, configured and watched by edgectl's commands over its serial console.

Nothing looks for it on the network: address and fingerprint come out of the console.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from boards.catalog import load_profile
from edge.config.generate import generate
from edge.errors import EdgeError
from edge.events import ignore
from edge.pki.secrets import new_secrets
from edge.provision.demo.emulated import EmulatedBench
from edge.provision.emulator import VirtualBoard
from edge.provision.network import enter_private_network, private_network
from flasher.record import card_records

DEADLINE_S = 400


def main() -> None:
    """Flash, switch on, configure by the console, watch it become running."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="qemu-arm64")
    profile = load_profile(parser.parse_args().board)
    with tempfile.TemporaryDirectory(prefix="edgectl-console-") as name, ExitStack() as stack:
        os.environ["EDGECTL_HOME"] = name
        folder = Path(name)
        now = datetime.now(UTC)
        made = generate("wire", "https://10.77.0.2:6443", new_secrets(now=now), now=now)
        (folder / "controlplane.yaml").write_text(made.controlplane)
        bench = EmulatedBench(profile, folder / "bench", card_records())
        try:
            bench.prepare(ignore)
            enter_private_network()
            network = stack.enter_context(private_network(dhcp=True))
            board = VirtualBoard(profile, bench.emulator, bench.disk, link=network.link)
            stack.callback(board.close)
            _play(board, folder, profile.name)
        except EdgeError as error:
            raise SystemExit(f"{error!r} {error.hint}") from error


def _play(board: VirtualBoard, folder: Path, name: str) -> None:
    port = board.plug_in()
    logs = ["--log", str(folder / "raw.log"), "--text-log", str(folder / "text.log")]
    apply = _edgectl(
        *("apply-config", "-f", str(folder / "controlplane.yaml")),
        *("--from-console", port, "--board", name, "--console-timeout", str(DEADLINE_S)),
    )
    board.switch_on()
    _finish(apply)
    watch = ["--expect", "running", "--with-address", "--timeout", str(DEADLINE_S), *logs]
    board.cut_power()
    port = board.plug_in()
    console = _edgectl("console", port, "--board", name, "-o", "json", *watch)
    board.switch_on()
    print(_finish(console))
    text = (folder / "text.log").read_text()
    assert "edge: running 10.77.0." in text, text
    assert (folder / "raw.log").stat().st_size > len(text) // 3


def _edgectl(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "edge", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: "subprocess.Popen[str]") -> str:
    out, err = process.communicate(timeout=DEADLINE_S)
    if process.returncode != 0:
        raise SystemExit(f"exit code {process.returncode}\n{out}\n{err}")
    sys.stderr.write(err)
    return out


if __name__ == "__main__":
    main()
