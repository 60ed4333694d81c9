# SPDX-License-Identifier: Apache-2.0
"""Settings follow the configuration there and back again."""

from collections.abc import Callable

from edge.config.generate import Generated
from edge.config.patch import parse_patch, patch_config
from edge.node.apply import Applier, Mode
from edge.node.control.controller import Controller
from edge.node.control.hostname import HostnameController
from edge.node.control.system import SysctlController, WatchdogController
from edge.node.machine import Machine
from edge.node.resource import kind
from tests.fakes.node import FakePlatform

SETTINGS = """\
machine:
  sysctls: {kernel.panic: "7"}
---
apiVersion: v1alpha1
kind: HostnameConfig
auto: off
hostname: tried
---
apiVersion: v1alpha1
kind: WatchdogTimerConfig
device: /dev/watchdog7
timeout: 30s
"""


async def test_settings_go_back_with_the_configuration(
    new_machine: Callable[[], Machine], platform: FakePlatform, generated: Generated
) -> None:
    """What a configuration no longer says is as it was before it said it."""
    machine = new_machine()
    await machine.boot()
    applier = Applier(machine)
    controllers: list[Controller] = [
        each(machine) for each in (SysctlController, WatchdogController, HostnameController)
    ]

    async def apply(text: str) -> dict[str, object]:
        await applier.apply(text.encode(), Mode.AUTO)
        for controller in controllers:
            await controller.reconcile()
        known = (kind.KERNEL_PARAM_SPEC, kind.WATCHDOG_STATUS, kind.HOSTNAME_STATUS)
        specs = {each.id: each.spec for one in known for each in machine.store.of_kind(one)}
        return {"specs": specs, "watchdog": platform.watchdog}

    plain = await apply(generated.worker)
    with_settings = patch_config(generated.worker, [parse_patch(SETTINGS)])
    set_ = await apply(with_settings)
    assert set_["watchdog"] == ("/dev/watchdog7", 30)
    assert platform.sysctls["kernel.panic"] == "7"
    assert machine.store.spec(kind.HOSTNAME_STATUS, "hostname")["hostname"] == "tried"
    assert await apply(generated.worker) == plain
    assert await apply(with_settings) == set_
