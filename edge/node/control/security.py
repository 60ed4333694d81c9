# SPDX-License-Identifier: Apache-2.0
"""How the system was started and what it is made of: firmware's word, kernel modules, layers.

A lab node has no kernel and no firmware of its own, so it tells nothing of the host's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.node.boot.module import module_dir
from edge.node.control.block import Specs, read_text
from edge.node.control.controller import Controller
from edge.node.resource import kind

EFI_VARIABLES = Path("/sys/firmware/efi/efivars")
_SECURE_BOOT = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_METADATA = ("name", "version", "author", "description")
_SELINUX = {"1": "enabled, enforcing", "0": "enabled, permissive"}


class SystemStateController(Controller):
    """Publishes what was decided before machined started, and says it once."""

    name = "runtime.SecurityStateController"
    inputs = (kind.META_KEY, kind.HOSTNAME_STATUS)
    outputs = (
        kind.SECURITY_STATE,
        kind.EXTENSION_STATUS,
        kind.PLATFORM_METADATA,
        kind.META_LOAD,
    )

    async def reconcile(self) -> None:
        """Publish it."""
        platform = self.machine.platform
        state = read_security() if platform.mode == "metal" else _NO_SECURITY
        self.store.put(kind.SECURITY_STATE, "securitystate", state, owner=self.name)
        self.store.publish(kind.EXTENSION_STATUS, self._extensions(), owner=self.name)
        hostname = self.store.spec(kind.HOSTNAME_STATUS, "hostname").get("hostname", "")
        metadata = {"platform": platform.mode, "hostname": hostname}
        self.store.put(kind.PLATFORM_METADATA, "platformmetadata", metadata, owner=self.name)
        if self.machine.volumes.meta:
            self.store.put(kind.META_LOAD, "meta-loaded", {"done": True}, owner=self.name)

    def _extensions(self) -> Specs:
        """Return what the image was made of beyond the system itself."""
        return {
            each["name"]: {
                "image": each.get("image", ""),
                "metadata": {
                    **{name: each[name] for name in _METADATA if name in each},
                    **_extra(each.get("packages", {})),
                },
            }
            for each in self.machine.platform.image.extensions
        }


class ModuleController(Controller):
    """Publishes the kernel's modules, loaded and built in."""

    name = "runtime.KernelModuleController"
    outputs = (kind.LOADED_KERNEL_MODULE, kind.KERNEL_MODULE_STATUS)
    period_s = 60.0

    async def reconcile(self) -> None:
        """Publish what the kernel lists."""
        if self.machine.platform.mode != "metal":
            return
        loaded = read_modules(read_text(Path("/proc/modules")))
        self.store.publish(kind.LOADED_KERNEL_MODULE, loaded, owner=self.name)
        dynamic = {
            name: {"type": "dynamic", **spec, "state": spec["state"].lower()}
            for name, spec in loaded.items()
        }
        built_in = read_built_in(read_text(module_dir() / "modules.builtin"))
        self.store.publish(kind.KERNEL_MODULE_STATUS, built_in | dynamic, owner=self.name)


def _extra(packages: Mapping[str, str]) -> dict[str, str]:
    """Return what else is said of an extension: the packages that it was made of."""
    text = "\n".join(f"{name} {version}" for name, version in packages.items())
    return {"extraInfo": text} if text else {}


_NO_SECURITY = {
    "secureBoot": False,
    "selinuxState": "disabled",
    "fipsState": "disabled",
    "bootedWithUKI": False,
    "moduleSignatureEnforced": False,
}


def read_security(efi: Path = EFI_VARIABLES) -> dict[str, Any]:
    """Return what the firmware and the kernel say about this boot."""
    enforce = Path("/sys/module/module/parameters/sig_enforce")
    return {
        "secureBoot": _secure_boot(efi / _SECURE_BOOT),
        "selinuxState": _SELINUX.get(read_text(Path("/sys/fs/selinux/enforce")), "disabled"),
        "fipsState": "enabled"
        if read_text(Path("/proc/sys/crypto/fips_enabled")) == "1"
        else "disabled",
        "bootedWithUKI": any(efi.glob("StubInfo-*")),
        "moduleSignatureEnforced": read_text(enforce) == "Y",
    }


def read_modules(text: str) -> Specs:
    """Return the modules in the kernel's list /proc/modules by name."""
    found: Specs = {}
    for line in text.splitlines():
        name, size, count, users, state, address, *_ = [*line.split(), ""]
        found[name] = {
            "size": int(size),
            "referenceCount": int(count) if count.isdigit() else 0,
            "dependencies": [each for each in users.split(",") if each not in ("-", "")],
            "state": state,
            "address": address,
        }
    return found


def read_built_in(text: str) -> Specs:
    """Return the modules that are part of the kernel, from its file `modules.builtin`."""
    names = {Path(line).stem.replace("-", "_") for line in text.splitlines()}
    return {name: {"type": "built-in", "state": "built-in"} for name in names if name}


def _secure_boot(path: Path) -> bool:
    try:
        # Four bytes of attributes come before the value.
        return path.read_bytes()[4:5] == b"\1"
    except OSError:
        return False
