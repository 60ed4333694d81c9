# SPDX-License-Identifier: Apache-2.0
"""Runs the programs that extensions of the image bring, once the node is configured."""

import asyncio
import posixpath
from collections.abc import Mapping

from edge.node.control.controller import Controller
from edge.node.extension import CGROUPS, Keeper, Settings, read_services
from edge.node.machine import Machine, Stage
from edge.node.resource import kind
from edge.node.service import EXTENSION

_WRITABLE = ("/run/", "/var/")


class ExtensionServiceController(Controller):
    """Keeps the programs running, with the settings that the configuration has for them."""

    name = "runtime.ExtensionServiceController"
    inputs = (kind.MACHINE_CONFIG, kind.MACHINE_STATUS)

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        platform = machine.platform
        # A lab node is a process among others: it runs nothing on the host.
        definitions = read_services(platform.image) if platform.mode == "metal" else ()
        self._keepers = {
            each.name: Keeper(
                each, machine.services, root=platform.root, cgroups=platform.root / CGROUPS
            )
            for each in definitions
        }
        self._is_cleared = False

    async def reconcile(self) -> None:
        """Start what does not run and start anew what got other settings."""
        if not self._is_cleared:
            # In maintenance too: programs that outlived a machined run without their settings.
            self._is_cleared = True
            await asyncio.gather(*(keeper.clear() for keeper in self._keepers.values()))
        if not self._keepers or self.machine.stage is not Stage.RUNNING:
            return
        settings = self._settings()
        for name, keeper in self._keepers.items():
            await keeper.keep(settings.get(name, Settings()))

    async def close(self) -> None:
        """End all programs, at once: the volumes are let go of next."""
        await asyncio.gather(*(keeper.close() for keeper in self._keepers.values()))

    def _settings(self) -> Mapping[str, Settings]:
        active = self.machine.active
        found = read_settings(active.text) if active else {}
        for name, settings in found.items():
            diagnostic = f"{EXTENSION}{name}"
            if foreign := [each for each in settings.files if not _is_writable(each)]:
                self.machine.diagnose(
                    diagnostic,
                    f"files of extension service {name} must lie below /run or /var:"
                    f" {', '.join(foreign)}",
                )
            else:
                self.store.remove(kind.DIAGNOSTIC, diagnostic)
        return {name: _writable(settings) for name, settings in found.items()}


def read_settings(text: str) -> dict[str, Settings]:
    """Return what the ExtensionServiceConfig documents in a configuration say, by service."""
    from edge.config.kinds.runtime import ExtensionServiceConfig
    from edge.config.load import read

    config, _ = read(text, source="configuration")
    found = {}
    for model in config.of_kind(ExtensionServiceConfig) if config else ():
        pairs = (each.partition("=") for each in model.environment or ())
        files = {str(each.mountPath): str(each.content or "") for each in model.configFiles or ()}
        found[str(model.name)] = Settings(
            environment={name: value for name, _, value in pairs}, files=files
        )
    return found


def _writable(settings: Settings) -> Settings:
    files = {path: text for path, text in settings.files.items() if _is_writable(path)}
    return Settings(environment=settings.environment, files=files)


def _is_writable(path: str) -> bool:
    """Tell whether the path lies where nodes can write, however it is spelled."""
    return path.startswith(_WRITABLE) and posixpath.normpath(path) == path and "\0" not in path
