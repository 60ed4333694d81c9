# SPDX-License-Identifier: Apache-2.0
"""Small images of boards that have everything in the right place, and can be spoilt in one."""

import gzip
import json
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

from boards.catalog import load_profile
from boards.kernel import Needs
from boards.profile import Profile
from edge.units import MIB
from flasher.image import grub
from flasher.image.assemble import META_MIB, Content, plan_table, write_image
from flasher.image.config_txt import render_config
from flasher.image.filesystem import write_ext4, write_fat, write_squashfs
from flasher.image.initramfs import write_initramfs
from flasher.image.seal import seal_root
from flasher.table import stable_guid
from flasher.verify.chain import TreeName, chain_of

VERSION = "6.12.0-fake"
MODULES = {"loop": (), "squashfs": (), "card": ("card_core",), "card_core": (), "lan": ()}
BUILT_IN = ("block",)
_TIME_S = 1_700_000_000
_EFI_MIB, _BOOT_MIB = 40, 64
_MACHINES = {"arm64": 183, "amd64": 62}
_PE_MACHINES = {"arm64": 0xAA64, "amd64": 0x8664}


@dataclass(slots=True)
class Parts:
    """What an image is put together from; tests change it before that."""

    profile: Profile
    efi: dict[str, bytes]
    root: dict[str, bytes]
    links: dict[str, str]
    kernel: bytes
    boot_config: str = ""
    modes: dict[str, int] = field(default_factory=dict)
    early: list[tuple[str, bytes]] = field(default_factory=list)
    microcode: bytes = b""
    arch: str = ""
    loader: bytes = b""
    identity: dict[str, object] = field(default_factory=dict)
    edit_root: Callable[[Path], object] | None = None
    edit_initramfs: Callable[[bytes], bytes] = bytes
    label: str = "EFI"
    kind: Literal["gpt", "mbr"] = "gpt"


def make_parts(board: str) -> Parts:
    """Return what makes an image of a board, with stand-ins for everything of Debian's."""
    profile = small_profile(board)
    modules = {name: fake_module(needs) for name, needs in MODULES.items()}
    parts = Parts(
        profile=profile,
        efi=_efi_files(profile),
        root=_root_files(profile, modules),
        links={"bin": "usr/bin", "etc/mtab": "../proc/self/mounts"},
        kernel=fake_kernel(profile.arch),
        kind=profile.partition_table.kind,
        early=[(f"{name}.ko", modules[name]) for name in ("loop", "squashfs")],
        microcode=b"microcode" if profile.microcode else b"",
        arch=profile.arch,
        identity={
            "board": profile.name,
            "arch": profile.arch,
            "version": "1",
            "kernel": VERSION,
            "console": profile.console.device,
            "built_in": list(BUILT_IN),
            "device_trees": [],
            "tree_hashes": {},
        },
    )
    parts.identity["tree_hashes"] = {
        name: sha256(content).hexdigest()
        for name, content in parts.efi.items()
        if name.endswith(".dtb") and not name.startswith("A/")
    }
    arguments = [*profile.kernel.cmdline, f"console={profile.console.device},115200"]
    arguments.append(f"edge.board={profile.name}")
    if profile.loader.kind == "rpi-direct":
        parts.efi["A/cmdline.txt"] = (" ".join(arguments) + "\n").encode()
        parts.efi["config.txt"] = _DIRECT
    else:
        tree = profile.loader.device_tree
        parts.boot_config = grub.boot_config(arguments=arguments, device_tree=tree)
    if any(piece.at_sector for piece in profile.pieces):
        parts.loader = b"RKNS".ljust(4096, b"\x5a")
    return parts


def assemble(parts: Parts, folder: Path) -> Path:
    """Write the image, and its description beside it, into `folder`."""
    work, profile = folder / "work", parts.profile
    work.mkdir()
    contents = _contents(parts, work)
    labels = [content.label for content in contents]
    uuid = stable_guid(profile.name, "BOOT file system")
    slot = _slot(parts, work)
    efi = dict(parts.efi)
    if profile.loader.kind == "rpi-direct":
        efi |= {f"A/{name}": content for name, content in slot.items()}
    else:
        kind = "gpt" if parts.kind == "gpt" else "msdos"
        place = f"{kind}{1 + labels.index('BOOT')}"
        config = grub.loader_config(boot_partition=place, boot_uuid=uuid)
        efi.setdefault(grub.LOADER_CONFIG, config.encode())
        boot = {f"A/{name}": content for name, content in slot.items()}
        boot[grub.BOOT_CONFIG] = parts.boot_config.encode()
        _write_tree(work / "boot", boot)
        write_ext4(
            work / "boot.ext4",
            work / "boot",
            size_mib=_BOOT_MIB,
            label="BOOT",
            uuid=uuid,
            time_s=_TIME_S,
        )
    _write_tree(work / "efi", efi)
    write_fat(work / "efi.fat", work / "efi", size_mib=_EFI_MIB, label=parts.label, time_s=_TIME_S)
    image = folder / "board.img"
    plan = profile.partition_table
    table = plan_table(parts.kind, profile.name, contents, first_mib=plan.first_mib)
    with image.open("w+b") as file:
        write_image(file, table, contents)
    return image


def describe(image: Path, parts: Parts) -> None:
    """Write the description beside an image."""
    content = image.read_bytes()

    described = {
        "board": parts.profile.name,
        "arch": parts.profile.arch,
        "version": "1",
        "size_bytes": len(content),
        "sha256": sha256(content).hexdigest(),
    }
    image.with_name(f"{image.name}.json").write_text(json.dumps(described))


def small_profile(board: str) -> Profile:
    """Return a board's profile with small partitions and the stand-in kernel's drivers."""
    profile = load_profile(board)
    plan, kernel = profile.partition_table, profile.kernel
    return profile.model_copy(
        update={
            "partition_table": plan.model_copy(
                update={"efi_mib": _EFI_MIB, "boot_mib": _BOOT_MIB if plan.boot_mib else 0}
            ),
            "kernel": kernel.model_copy(
                update={
                    "modules": ("card", "lan", "block"),
                    "needs": Needs(disk=("card", "block"), network=("lan",)),
                }
            ),
        }
    )


def fake_efi(arch: str) -> bytes:
    """Return the beginning of an EFI program."""
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    fields = struct.pack("<H", _PE_MACHINES[arch]).ljust(20 + 56, b"\0")
    return (head + b"PE\0\0" + fields + struct.pack("<I", 0x10000)).ljust(4096, b"\0")


def fake_elf(arch: str) -> bytes:
    """Return the beginning of a program of Linux."""
    return _elf(_MACHINES[arch]) + bytes(64)


def fake_firmware(built: str = "Feb 11 2026") -> bytes:
    """Return the beginning of a Raspberry Pi firmware, with the day on which it was built."""
    return _elf(137, bits=1) + f"\0VC_BUILD_ID_TIME: {built}\0".encode()


def fake_uboot() -> bytes:
    """Return a U-Boot: a jump, and its name."""
    return b"\x0a\0\0\x14".ljust(4096, b"\0") + b"U-Boot 2025.01-3 (Jun 24 2026)\0"


def fake_kernel(
    arch: str, *, image_bytes: int = 4 * MIB, version: str = VERSION, stub: bytes = b"MZ"
) -> bytes:
    """Return the beginning of a kernel, with the version that it prints."""
    if arch == "arm64":
        head = stub.ljust(16, b"\0") + struct.pack("<Q", image_bytes)
        banner = f"\0Linux version {version} (somebody) #1\0".encode()
        return head.ljust(56, b"\0") + b"ARM\x64" + bytes(64) + banner
    setup = bytearray(0x1000)
    setup[:2] = stub
    setup[0x202:0x206] = b"HdrS"
    setup[0x20E:0x210] = struct.pack("<H", 0x800)
    setup[0x260:0x264] = struct.pack("<I", image_bytes)
    setup[0xA00 : 0xA00 + len(version) + 1] = version.encode() + b" "
    return bytes(setup)


def fake_module(needs: tuple[str, ...] = (), *, version: str = VERSION) -> bytes:
    """Return what a module declares of itself."""
    depends = ",".join(needs)
    return (
        b"\x7fELF\0"
        + f"alias=of:N*T*Cfake,{'-'.join(needs) or 'none'}\0depends={depends}\0".encode()
        + f"vermagic={version} SMP\0".encode()
    )


@cache
def fake_tree(
    *compatible: str, extra: str = "", status: str = "okay", labels: bool = True
) -> bytes:
    """Return a compiled device tree with a console."""
    names = ", ".join(f'"{name}"' for name in compatible)
    source = f"""/dts-v1/;
        / {{
            compatible = {names};
            aliases {{ serial0 = "/soc/serial@1"; }};
            chosen {{ stdout-path = "serial0:115200n8"; }};
            soc {{
                uart: serial@1 {{ compatible = "fake,uart"; status = "{status}"; }};
                bt: bluetooth {{ compatible = "fake,bt"; }};
                {extra}
            }};
        }};"""
    command = ["dtc", "-q", *(["-@"] if labels else []), "-I", "dts", "-O", "dtb"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=True)
    return done.stdout


def named_tree(name: TreeName, family: str) -> bytes:
    """Return the device tree that belongs under a name."""
    extra = f'pinctrl {{ compatible = "{name.pinctrl}"; }};' if name.pinctrl else ""
    return fake_tree(name.compatible, family, extra=extra)


_DIRECT = b"""\
arm_64bit=1
os_prefix=A/
kernel=vmlinuz
initramfs initramfs followkernel
[all]
"""


def _efi_files(profile: Profile) -> dict[str, bytes]:
    chain = chain_of(profile.soc)
    direct = profile.loader.kind == "rpi-direct"
    files = {}
    for name in [name for each in profile.efi_files for name in each.targets]:
        files[name] = (
            fake_firmware()
            if name.endswith(".elf")
            else fake_uboot()
            if name == "u-boot.bin"
            else b"data"
        )
    files |= {name: fake_efi(profile.arch) for name in profile.loader.targets}
    known = {tree.path: named_tree(tree, chain.compatible) for tree in chain.trees}
    for each in profile.device_trees:
        for name in each.targets:
            tree = known.get(name) or fake_tree(*profile.match.compatible[:1], chain.compatible)
            files[name] = tree
            if direct:
                files[f"A/{name}"] = tree
    if profile.config_txt:
        files["config.txt"] = render_config(profile.config_txt).encode()
    if not direct:
        files[grub.GRUBENV] = grub.grubenv({"edge_default": "A"})
        files[grub.USER_CONFIG] = grub.user_config((), "").encode()
    return files


def _root_files(profile: Profile, modules: dict[str, bytes]) -> dict[str, bytes]:
    folder = f"usr/lib/modules/{VERSION}"
    from flasher.verify.module import read_modinfo

    infos = {name: read_modinfo(content) for name, content in modules.items()}
    path = {name: f"kernel/{name.replace('_', '-')}.ko" for name in modules}
    depends = "".join(
        f"{path[name]}:{''.join(f' {path[needed]}' for needed in info.depends)}\n"
        for name, info in infos.items()
    )
    aliases = "".join(
        f"alias {alias} {name}\n" for name, info in infos.items() for alias in info.aliases
    )
    return {
        "usr/bin/python3.13": fake_elf(profile.arch),
        "usr/sbin/e2fsck": fake_elf(profile.arch),
        "usr/lib/python3/dist-packages/edge/node/init.py": b"",
        "etc/passwd": b"root:*:0:0:root:/:\n",
        f"{folder}/modules.dep": depends.encode(),
        f"{folder}/modules.alias": aliases.encode(),
        **{f"{folder}/{path[name]}": content for name, content in modules.items()},
    }


def _contents(parts: Parts, work: Path) -> list[Content]:
    plan = parts.profile.partition_table
    contents = [Content("EFI", plan.efi_mib, work / "efi.fat")]
    if plan.bios_mib:
        contents.append(Content("BIOS", plan.bios_mib))
    if plan.boot_mib:
        contents.append(Content("BOOT", plan.boot_mib, work / "boot.ext4"))
    contents.append(Content("META", META_MIB))
    for piece in parts.profile.pieces:
        if piece.at_sector and parts.loader:
            (work / "loader").write_bytes(parts.loader)
            contents.append(Content("LOADER", 0, work / "loader", at_sector=piece.at_sector))
    return contents


def _slot(parts: Parts, work: Path) -> dict[str, bytes]:
    root = {**parts.root}
    root["etc/edge/image.json"] = json.dumps(parts.identity).encode()
    tree = work / "root"
    _write_tree(tree, root)
    for name, target in parts.links.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(target)
    for name in root:
        runnable = name.startswith(("usr/bin/", "usr/sbin/"))
        (tree / name).chmod(parts.modes.get(name, 0o755 if runnable else 0o644))
    seal_root(tree)
    if parts.edit_root is not None:
        parts.edit_root(tree)
    write_squashfs(work / "root.squashfs", tree, packing="lz4", time_s=_TIME_S)
    arch = parts.profile.arch if parts.arch == parts.profile.arch else parts.arch
    write_initramfs(
        work / "initramfs",
        arch="arm64" if arch == "arm64" else "amd64",
        modules=parts.early,
        root_image=work / "root.squashfs",
        microcode=parts.microcode,
    )
    content = parts.edit_initramfs((work / "initramfs").read_bytes())
    kernel = gzip.compress(parts.kernel, 1, mtime=0) if parts.profile.kernel.compressed else None
    return {"vmlinuz": kernel or parts.kernel, "initramfs": content}


def _write_tree(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _elf(machine: int, *, bits: int = 2) -> bytes:
    return b"\x7fELF" + bytes((bits, 1, 1)) + bytes(9) + struct.pack("<HH", 2, machine) + bytes(44)
