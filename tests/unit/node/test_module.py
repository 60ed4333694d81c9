# SPDX-License-Identifier: Apache-2.0
"""Which kernel modules are loaded, in which order, for which hardware."""

import os
import socket
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.node.boot.module import Modules, coldplug, device_modaliases
from edge.node.init import load_modules
from tests.fakes.kernel_events import event_pair

DEPENDENCIES = """\
kernel/lib/crc32.ko:
kernel/fs/jbd2.ko.xz: kernel/lib/crc32.ko
kernel/fs/ext4.ko.xz: kernel/fs/jbd2.ko.xz kernel/lib/crc32.ko
kernel/drivers/net/phy/broadcom.ko.xz: kernel/drivers/net/phy/libphy.ko.xz
kernel/drivers/net/phy/libphy.ko.xz:
kernel/drivers/usb-storage.ko:
"""
ALIASES = """\
# Aliases extracted from modules themselves.
alias pci:v00008086d000015B7sv*sd*bc*sc*i* ext4
alias of:N*T*Cbrcm,bcm2711-genet-v5C* broadcom
alias of:N*T*Cbrcm,bcm2711-genet-v5 broadcom
alias usb:v*p*d*dc*dsc*dp*ic08isc06ip50in* usb_storage
alias symbol:crc32_le crc32
malformed line of more words
"""


class Loader:
    """Stands for the kernel: notes files in their order, and refuses some."""

    def __init__(self, refused: frozenset[str] = frozenset()) -> None:
        self.loaded: list[str] = []
        self._refused = refused

    def __call__(self, path: Path) -> None:
        if path.name in self._refused:
            raise OSError(8, "Exec format error", str(path))
        self.loaded.append(path.name)


Listen = Callable[[], socket.socket]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """What stands for the kernel's events: there are none."""
    with event_pair() as (_, listener):
        yield lambda: listener


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "modules.dep").write_text(DEPENDENCIES)
    (tmp_path / "modules.alias").write_text(ALIASES)
    return tmp_path


def test_what_a_module_needs_comes_first(folder: Path) -> None:
    """And each once, however often it is asked for."""
    loader = Loader()
    modules = Modules(folder, loader)
    modules.load("ext4")
    modules.load("ext4")
    modules.load("jbd2")
    assert loader.loaded == ["crc32.ko", "jbd2.ko.xz", "ext4.ko.xz"]


def test_dashes_and_underscores_are_one(folder: Path) -> None:
    """The kernel says usb_storage, the file usb-storage."""
    loader = Loader()
    modules = Modules(folder, loader)
    modules.load("usb-storage")
    modules.load("usb_storage")
    assert loader.loaded == ["usb-storage.ko"]


def test_an_unknown_or_refused_module_is_no_failure(folder: Path) -> None:
    """It may be built in, or for other hardware."""
    loader = Loader(frozenset({"jbd2.ko.xz"}))
    modules = Modules(folder, loader)
    modules.load("nonsense")
    modules.load("ext4")
    assert loader.loaded == ["crc32.ko", "ext4.ko.xz"]


@pytest.mark.parametrize(
    ("modalias", "names"),
    [
        ("of:NethernetT(null)Cbrcm,bcm2711-genet-v5", ["broadcom"]),
        ("pci:v00008086d000015B7sv00008086sd00000000bc02sc00i00", ["ext4"]),
        ("usb:v0781p5583d0100dc00dsc00dp00ic08isc06ip50in00", ["usb_storage"]),
        ("usb:v0781p5583d0100dc00dsc00dp00ic03isc01ip01in00", []),
        ("acpi:PNP0C0C:", []),
        ("", []),
    ],
)
def test_hardware_is_matched_by_alias(folder: Path, modalias: str, names: list[str]) -> None:
    """By the kernel's own patterns."""
    assert Modules(folder, Loader()).matching(modalias) == names


def test_without_an_index_nothing_is_loaded(tmp_path: Path) -> None:
    """An image without modules is a kernel with everything built in."""
    loader = Loader()
    Modules(tmp_path, loader).load("ext4")
    assert loader.loaded == []


def test_devices_are_found_on_buses_and_in_classes(tmp_path: Path) -> None:
    """Each alias once, the processor's too; devices without one are passed over."""
    for path, text in (
        ("devices/system/cpu/modalias", "cpu:type:aarch64:feature:,0001\n"),
        ("bus/platform/devices/eth/modalias", "of:NethernetT(null)Cbrcm,bcm2711-genet-v5\n"),
        ("bus/usb/devices/1-1/modalias", "usb:v1\n"),
        ("bus/usb/devices/1-2/modalias", "usb:v1\n"),
        ("bus/clocksource/devices/clocksource0/name", "none\n"),
        ("class/dmi/id/modalias", "dmi:bvnEDK\n"),
        ("class/net/lo/modalias", "\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    assert sorted(device_modaliases(tmp_path)) == [
        "cpu:type:aarch64:feature:,0001",
        "dmi:bvnEDK",
        "of:NethernetT(null)Cbrcm,bcm2711-genet-v5",
        "usb:v1",
    ]


def test_a_bus_brings_further_devices(folder: Path, tmp_path: Path) -> None:
    """Loading a controller's module makes what hangs on it appear."""
    devices = tmp_path / "sys/bus/any/devices"
    (devices / "host").mkdir(parents=True)
    (devices / "host/modalias").write_text("pci:v00008086d000015B7sv1sd1bc1sc1i1\n")

    class Bus(Loader):
        def __call__(self, path: Path) -> None:
            super().__call__(path)
            if path.name == "ext4.ko.xz":
                (devices / "stick").mkdir()
                (devices / "stick/modalias").write_text(
                    "usb:v1p1d1dc00dsc00dp00ic08isc06ip50in00\n"
                )

    bus = Bus()
    coldplug(Modules(folder, bus), tmp_path / "sys")
    assert bus.loaded[-2:] == ["ext4.ko.xz", "usb-storage.ko"]


def test_what_the_hardware_needs_comes_first(folder: Path, tmp_path: Path, listen: Listen) -> None:
    """machined waits for that, and for what its volumes are mounted by; for nothing else."""
    loader, word = Loader(), tmp_path / "word"
    seen: list[bool] = []

    def insert(path: Path) -> None:
        seen.append(word.exists())
        loader(path)

    def plug(modules: Modules) -> None:
        modules.load("broadcom")

    load_modules(
        ["usb_storage"], read=lambda: Modules(folder, insert), listen=listen, plug=plug, word=word
    )
    assert loader.loaded == [
        *("crc32.ko", "jbd2.ko.xz", "ext4.ko.xz", "libphy.ko.xz", "broadcom.ko.xz"),
        "usb-storage.ko",
    ]
    assert seen == [False] * 5 + [True]
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0


@pytest.mark.parametrize("is_first", [True, False])
def test_word_is_left_whatever_fails(
    is_first: bool, folder: Path, tmp_path: Path, listen: Listen
) -> None:
    """A node with a broken module comes up, and says so."""

    def insert(path: Path) -> None:
        if is_first or path.name.startswith("usb"):
            raise ValueError(path)

    word = tmp_path / "word"
    load_modules(
        ["usb_storage"],
        read=lambda: Modules(folder, insert),
        listen=listen,
        plug=coldplug,
        word=word,
    )
    assert word.exists()


@given(
    st.lists(st.text("ab:*?[]", min_size=1, max_size=6), min_size=1, max_size=8),
    st.text("ab:", min_size=1, max_size=8),
)
def test_aliases_match_as_shell_patterns_do(patterns: list[str], modalias: str) -> None:
    """However the index is looked through."""
    with TemporaryDirectory() as name:
        index = Path(name, "modules.alias")
        index.write_text("".join(f"alias {each} m{i}\n" for i, each in enumerate(patterns)))
        found = Modules(Path(name), Loader()).matching(modalias)
    bus = modalias.split(":", 1)[0]
    assert found == [
        f"m{i}"
        for i, each in enumerate(patterns)
        if each.split(":", 1)[0] == bus and fnmatchcase(modalias, each)
    ]
