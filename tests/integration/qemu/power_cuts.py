# SPDX-License-Identifier: Apache-2.0
"""Pull the plug of an emulated board again and again: it always comes back.

    python -m tests.integration.qemu.power_cuts --cuts 20 --seed 7

Half of the cuts hit the first boots, while the volumes are made; the others hit while a
configuration is being applied. Each falls a random moment after a stage. A process of its own,
because it moves into a network namespace.
"""

import argparse
import asyncio
import os
import random
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from boards.catalog import load_profile
from edge.client.trust import Mutual
from edge.config.generate import Generated, generate
from edge.errors import EdgeError
from edge.events import ignore
from edge.pki.secrets import new_secrets
from edge.provision.console import Stage
from edge.provision.contact import configure, make_contact
from edge.provision.demo.bench import Written
from edge.provision.demo.emulated import EmulatedBench
from edge.provision.demo.run import find, wait_ready
from flasher.record import CardRecords

_FIRST_BOOT = (Stage.INIT, Stage.MACHINED)
_LONGEST_S = {Stage.INIT: 8.0, Stage.MACHINED: 2.0}
_APPLY_S = 6.0


async def cut_first_boot(bench: EmulatedBench, chance: random.Random) -> str:
    """Cut the power a moment after PID 1 or machined has started."""
    stage = chance.choice(_FIRST_BOOT)
    await bench.boot(ignore, {stage})
    pause = chance.uniform(0.0, _LONGEST_S[stage])
    await asyncio.sleep(pause)
    await bench.cut_power()
    return f"{pause:.2f} s after {stage}"


async def cut_apply(
    bench: EmulatedBench, chance: random.Random, written: Written, records: CardRecords
) -> str:
    """Cut the power a moment after a configuration was sent."""
    stage = (await bench.boot(ignore)).stage
    if stage is Stage.RUNNING:
        await bench.cut_power()
        return "already configured"
    node = await find(written.enrolment_id)
    contact = await make_contact(node.address, records)
    sent = asyncio.create_task(configure(contact, _configuration(node.address).controlplane))
    pause = chance.uniform(0.0, _APPLY_S)
    await asyncio.sleep(pause)
    await bench.cut_power()
    sent.cancel()
    await asyncio.gather(sent, return_exceptions=True)
    return f"{pause:.2f} s after the configuration was sent"


async def check_alive(bench: EmulatedBench, written: Written, records: CardRecords) -> str:
    """Boot once more and see that the node can be used, configuring it if it is not yet."""
    stage = (await bench.boot(ignore)).stage
    node = await find(written.enrolment_id)
    if stage is Stage.MAINTENANCE:
        generated = _configuration(node.address)
        await configure(await make_contact(node.address, records), generated.controlplane)
    context = _CONFIGURATIONS[-1].talosconfig.context()
    await wait_ready(node.address, Mutual(ca=context.ca, crt=context.crt, key=context.key))
    await bench.cut_power()
    return str(stage)


_CONFIGURATIONS: list[Generated] = []


def _configuration(address: str) -> Generated:
    if not _CONFIGURATIONS:
        now = datetime.now(UTC)
        endpoint = f"https://{address}:6443"
        _CONFIGURATIONS.append(generate("cuts", endpoint, new_secrets(now=now), now=now))
    return _CONFIGURATIONS[-1]


async def run(
    bench: EmulatedBench,
    written: Written,
    records: CardRecords,
    cuts: int,
    chance: random.Random,
    say: Callable[[str], None],
) -> None:
    """Cut the power `cuts` times, then check that the board is well."""
    for number in range(cuts):
        if number < cuts // 2:
            what = await cut_first_boot(bench, chance)
        else:
            what = await cut_apply(bench, chance, written, records)
        say(f"cut {number + 1}: {what}")
    say(f"came back to {await check_alive(bench, written, records)}")


def main() -> None:
    """Run the cuts that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="qemu-arm64")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgectl-cuts-") as folder:
        os.environ["EDGECTL_HOME"] = folder
        records = CardRecords(Path(folder, "cards.sqlite"))
        bench = EmulatedBench(load_profile(options.board), Path(folder), records)
        try:
            written = bench.prepare(ignore)
            bench.open()
            chance = random.Random(options.seed)
            asyncio.run(run(bench, written, records, options.cuts, chance, print))
        except EdgeError as error:
            console = Path(folder, "console.log")
            text = console.read_text(errors="replace")[-3000:] if console.exists() else ""
            raise SystemExit(f"{text}\n{error.message}") from error
        finally:
            bench.close()


if __name__ == "__main__":
    main()
