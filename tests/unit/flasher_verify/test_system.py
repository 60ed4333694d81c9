# SPDX-License-Identifier: Apache-2.0
"""Faults of device trees, initramfs, modules and root, and the checks that find them."""

from mmap import mmap
from pathlib import Path
from random import Random

import pytest

from boards.kernel import Needs, one_of
from edge.meta.adv import render_store
from flasher.verify import Verdict
from tests.fakes.board_image import VERSION, Parts, fake_elf, fake_kernel, fake_module, fake_tree
from tests.fakes.spoil import (
    Change,
    Fault,
    drop,
    find,
    identity,
    in_partition,
    initramfs,
    merged,
    put,
    root,
    setting,
    unroot,
)

FOLDER = f"usr/lib/modules/{VERSION}"
DTB = "bcm2711-rpi-4-b.dtb"
PI4 = ("raspberrypi,4-model-b", "brcm,bcm2711")

NOISE = Random(1).randbytes(20_000)


def _stored(parts: Parts) -> None:
    """Add what does not compress: a squashfs keeps it as it is, without any checksum."""
    parts.root["usr/lib/noise"] = NOISE


def _hit(image: Path) -> None:
    """Spoil bytes of the added file on the medium."""
    with image.open("r+b") as file:
        content = mmap(file.fileno(), 0)
        at = content.find(NOISE[9000:9064])
        assert at > 0
        content[at : at + 8] = b"xxxxxxxx"
        content.close()


def _needing(drivers: str) -> Change:
    def change(parts: Parts) -> None:
        kernel = parts.profile.kernel
        modules = (*kernel.modules, *one_of(drivers))
        update = {"needs": Needs(network=(drivers,)), "modules": modules}
        kernel = kernel.model_copy(update=update)
        parts.profile = parts.profile.model_copy(update={"kernel": kernel})

    return change


FAULTS = (
    # device trees
    Fault("tree-format", DTB, before=put(DTB, fake_tree(*PI4)[:-40])),
    Fault(
        "tree-compatible", "not brcm,bcm2711", before=put(DTB, fake_tree("raspberrypi,4-model-b"))
    ),
    Fault(
        "tree-compatible",
        "as the profile says",
        board="jetson-nano",
        before=put(
            "dtb/nvidia/tegra210-p3450-0000.dtb", fake_tree("other,board", "nvidia,tegra210")
        ),
    ),
    Fault(
        "tree-names",
        "is for raspberrypi,400",
        before=put(DTB, fake_tree("raspberrypi,400", PI4[1])),
    ),
    Fault(
        "tree-names",
        "not raspberrypi,3-model-a-plus",
        board="rpi3",
        before=put("bcm2837-rpi-3-a-plus.dtb", fake_tree("raspberrypi,3-model-b", "brcm,bcm2837")),
    ),
    Fault("tree-overlays", "made sense of", before=identity("device_trees", ["x"])),
    Fault("tree-bytes", "made sense of", before=identity("tree_hashes", ["x"])),
    Fault(
        "tree-names",
        "another stepping",
        board="rpi5",
        before=lambda parts: parts.efi.update(
            {"A/bcm2712d0-rpi-5-b.dtb": parts.efi["A/bcm2712-rpi-5-b.dtb"]}
        ),
    ),
    Fault(
        "tree-names",
        "bcm2712d0-rpi-5-b.dtb is for another stepping",
        board="rpi5",
        before=lambda parts: parts.efi.update(
            {"bcm2712d0-rpi-5-b.dtb": parts.efi["bcm2712-rpi-5-b.dtb"]}
        ),
    ),
    Fault(
        "tree-bytes",
        "bcm2711-rpi-cm4.dtb is not the tree that was recorded",
        before=put("bcm2711-rpi-cm4.dtb", fake_tree("raspberrypi,4-compute-module", PI4[1])[:-1]),
    ),
    Fault(
        "tree-bytes",
        "A/bcm2712-rpi-5-b.dtb is not the tree that was recorded",
        board="rpi5",
        before=put("A/bcm2712-rpi-5-b.dtb", fake_tree("raspberrypi,5-model-b", "brcm,bcm2712")),
    ),
    Fault("tree-bytes", "rpi-4-b.dtb is missing", before=drop(DTB)),
    Fault("tree-bytes", "was not recorded", before=put("other.dtb", fake_tree(*PI4))),
    Fault("tree-console", "is switched off", before=put(DTB, fake_tree(*PI4, status="disabled"))),
    Fault("tree-symbols", "merged by them", before=merged(fake_tree(*PI4, labels=False))),
    Fault("tree-overlays", "disable-bt", before=merged(fake_tree(*PI4))),
    Fault("tree-overlays", "no tree on the image", before=merged(fake_tree(*PI4), says="1" * 64)),
    Fault("tree-overlays", "which the profile wants", board="qemu-raspi4b"),
    # the initramfs
    Fault("initramfs", "there is no init", before=initramfs(b"0000init\0", b"0000exit\0")),
    Fault("initramfs", "no program for arm64 (amd64)", before=setting("arch", "amd64")),
    Fault(
        "initramfs", "dev/console is no console", before=initramfs(b"dev/console", b"dev/konsole")
    ),
    Fault("initramfs", "root.squashfs is no squashfs", before=initramfs(b"\0hsqs", b"\0xxxx")),
    Fault(
        "initramfs", "cut off", before=setting("edit_initramfs", lambda content: content[:-5000])
    ),
    Fault("init-paths", "which is not in the root", before=unroot("usr/bin/python3.13")),
    Fault(
        "init-paths",
        "which is not in the initramfs",
        before=lambda parts: setattr(
            parts,
            "edit_initramfs",
            lambda content: content.replace(b"\0modules/loop.ko", b"\0modules/loup.ko").replace(
                b"00modules/loop.ko", b"00modules/loup.ko"
            ),
        ),
    ),
    Fault(
        "early-modules",
        "is not loaded before it",
        before=setting(
            "early", [("squashfs.ko", fake_module(("loop",))), ("loop.ko", fake_module())]
        ),
    ),
    Fault(
        "early-modules",
        "squashfs is missing",
        before=setting("early", [("loop.ko", fake_module())]),
    ),
    Fault(
        "early-modules",
        "is of kernel 6.1",
        before=setting(
            "early", [("loop.ko", fake_module(version="6.1")), ("squashfs.ko", fake_module())]
        ),
    ),
    Fault("microcode", "there is nothing in", board="nuc", before=setting("microcode", b"")),
    # modules
    Fault(
        "module-version",
        "modules are of kernel",
        before=setting("kernel", fake_kernel("arm64", version="7.0-other")),
    ),
    Fault(
        "module-version",
        "lan is of kernel 5.4",
        before=root(f"{FOLDER}/kernel/lan.ko", fake_module(version="5.4")),
    ),
    Fault("module-closure", "card needs card_core", before=unroot(f"{FOLDER}/kernel/card-core.ko")),
    Fault("module-closure", "does not lead from card", before=root(f"{FOLDER}/modules.dep", b"")),
    Fault(
        "module-aliases",
        "does not lead from of:N*T*Cfake,none",
        before=root(f"{FOLDER}/modules.alias", b""),
    ),
    Fault("drivers", "does not reach its network", before=unroot(f"{FOLDER}/kernel/lan.ko")),
    Fault("drivers", "block is missing, without which", before=identity("built_in", [])),
    # what was added
    Fault("meta", "neither copy", after=in_partition(3, 0, b"x" * (512 << 10))),
    Fault("meta", "0xe0, which is one", after=in_partition(3, 0, render_store({0xE0: b"key"}))),
    Fault("meta", "something behind", after=in_partition(3, 600 << 10, b"x")),
    Fault(
        "extensions",
        "/usr/sbin/tool is not in the root",
        before=identity(
            "extensions", [{"name": "tools", "version": "1", "programs": ["/usr/sbin/tool"]}]
        ),
    ),
    Fault("drivers", "lan2 or lan3 is missing, without which", before=_needing("lan2|lan3")),
    # the root
    Fault(
        "root-whole",
        "differs from what was recorded",
        before=setting("edit_root", lambda tree: (tree / "etc/passwd").write_bytes(b"root::0")),
    ),
    Fault(
        "root-whole",
        "differs from what was recorded",
        before=setting("edit_root", lambda tree: (tree / "etc/new").symlink_to("passwd")),
    ),
    Fault("root-whole", "differs from what was recorded", before=_stored, after=_hit),
    Fault(
        "root-programs",
        "/usr/bin/busybox is there",
        before=root("usr/bin/busybox", fake_elf("arm64"), 0o755),
    ),
    Fault(
        "root-programs",
        "/usr/sbin/sh is there",
        before=lambda parts: parts.links.update({"usr/sbin/sh": "e2fsck"}),
    ),
    Fault("root-modes", "runs with the rights of its owner", before=root("usr/lib/x", b"", 0o4755)),
    Fault("root-modes", "may be written by anybody", before=root("usr/lib/x", b"", 0o666)),
    Fault(
        "root-links",
        "leads to nowhere",
        before=lambda parts: parts.links.update({"etc/x": "nowhere"}),
    ),
    Fault(
        "root-arch", "e2fsck is for amd64", before=root("usr/sbin/e2fsck", fake_elf("amd64"), 0o755)
    ),
    Fault(
        "root-arch",
        "the node's first module",
        before=unroot("usr/lib/python3/dist-packages/edge/node/init.py"),
    ),
    Fault("root-arch", "x is for no processor", before=root("usr/bin/x", b"#!/bin/sh\n", 0o755)),
    Fault("root-identity", "board is 'nuc'", before=identity("board", "nuc")),
    Fault("root-identity", "kernel is '5'", before=identity("kernel", "5")),
    Fault("root-identity", "version is '2'", before=identity("version", "2")),
)


def test_one_of_several_drivers_is_enough(tmp_path: Path) -> None:
    """The others are not missed."""
    finding = find(tmp_path, Fault("drivers", "", before=_needing("lan2|lan")))
    assert finding.verdict == Verdict.OK
    assert "its network: lan2 or lan" in finding.text


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}-{fault.says[:28]}")
def test_the_check_names_what_is_wrong(tmp_path: Path, fault: Fault) -> None:
    """Of an image in which one thing is wrong, its check fails and says so."""
    finding = find(tmp_path, fault)
    assert (finding.verdict, finding.check) == (Verdict.FAILED, fault.check), finding.text
    assert fault.says in finding.text
