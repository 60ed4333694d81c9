# SPDX-License-Identifier: Apache-2.0
"""Every overlay on every device tree of its boards, as Debian's kernel packages have them."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from boards.catalog import load_profile
from edge.errors import ImageError
from edge.events import ignore
from edge.paths import cache_dir
from flasher.debian.fetch import Cache, Packages, fetch_files, unpack
from flasher.debian.suite import suite_name
from flasher.devicetree.merge import merge
from flasher.devicetree.packaged import packaged_trees
from flasher.devicetree.tree import load_tree
from overlays.catalog import load_overlay, load_overlays
from overlays.choice import OverlayChoice, parse_choice
from overlays.description import Choice, Integer
from overlays.resolve import resolve, resolve_all

pytestmark = pytest.mark.image

BOARDS = ("rpi4", "rpi3", "rpi5", "jetson-nano", "rock-5b")
CASES = [
    (board, overlay.name) for board in BOARDS for overlay in load_overlays(load_profile(board).soc)
]
# What merging promises, in words of the reader that comes with the compiler: choice, then node,
# property and value. A node that starts with & is a label.
PROMISES = """
rpi4 disable-bt                      &bt status disabled
rpi4 disable-bt                      &uart1 status disabled
rpi4 disable-bt                      /chosen stdout-path serial0:115200n8
rpi4 disable-wifi                    &sdhci status disabled
rpi4 uart,port=4                     &uart4 status okay
rpi4 uart,port=4                     /aliases serial4 /soc/serial@7e201800
rpi4 i2c,bus=6,speed=400000          &i2c6 clock-frequency 400000
rpi4 i2c-rtc                         &i2c1/rtc@68 compatible maxim,ds3231
rpi4 i2c-rtc,chip=pcf85063,bus=3     &i2c3/rtc@51 reg 81
rpi4 i2c-rtc,chip=pcf8523            &i2c1/rtc@68 compatible nxp,pcf8523
rpi4 spi,speed=500000                &spi/spidev@1 spi-max-frequency 500000
rpi4 spi,device=none                 &spi/spidev@0 status disabled
rpi4 gpio-fan,temperature=55         &edge_gpio_fan_on temperature 55000
rpi4 gpio-fan,hysteresis=4           &edge_gpio_fan_on hysteresis 4000
rpi4 pwm-fan,temperature=40,step=6   &edge_pwm_fan_4 temperature 58000
rpi4 poe-fan                         &edge_poe_pwm compatible raspberrypi,firmware-poe-pwm
rpi4 dwc2,mode=host                  &usb dr_mode host
rpi4 pcie-speed                      &pcie0 max-link-speed 1
rpi4 act-led,trigger=mmc0            &led_act linux,default-trigger mmc0
rpi3 disable-bt                      /chosen stdout-path serial0:115200n8
rpi3 disable-wifi                    &sdhci status disabled
rpi3 i2c,speed=400000                &i2c1 clock-frequency 400000
rpi3 i2c-rtc,chip=ds1307             &i2c1/rtc@68 compatible dallas,ds1307
rpi3 spi                             &spi/spidev@0 compatible rohm,bh2228fv
rpi3 gpio-fan                        &edge_gpio_fan_on temperature 60000
rpi3 pwm-fan                         &edge_pwm_fan_1 temperature 50000
rpi3 poe-fan                         &edge_poe_fan_2 temperature 50000
rpi3 dwc2                            &usb dr_mode peripheral
rpi3 act-led,state=off               &led_act default-state off
rpi5 disable-bt                      &uarta status disabled
rpi5 disable-wifi                    &sdio2 status disabled
rpi5 i2c,speed=400000                &rp1_i2c1 clock-frequency 400000
rpi5 i2c-rtc,chip=pcf8523            &rp1_i2c1/rtc@68 compatible nxp,pcf8523
rpi5 pcie-speed                      &pcie1 max-link-speed 3
rpi5 act-led                         /leds/led-act linux,default-trigger heartbeat
jetson-nano i2c,bus=0                /i2c@7000c000 status okay
jetson-nano i2c-rtc                  /i2c@7000c400/rtc@68 reg 104
jetson-nano uart                     &uartb compatible nvidia,tegra30-hsuart
jetson-nano spi                      /spi@7000d400 status okay
jetson-nano pwm-fan,temperature=45   &cpu_trip_active temperature 45000
jetson-nano pwm-fan,warm=60          &cpu_trip_hot temperature 60000
jetson-nano watchdog  /timer@60005000 compatible nvidia,tegra210-timer nvidia,tegra30-timer
rock-5b i2c                          &i2c8 status okay
rock-5b i2c-rtc,bus=3                &i2c3/rtc@68 compatible maxim,ds3231
rock-5b uart,port=4                  &uart4 status okay
rock-5b spi                          &spi0 num-cs 1
rock-5b pwm-fan,warm=70              &package_fan1 temperature 70000
rock-5b pcie-speed,slot=wifi         &pcie2x1l0 max-link-speed 2
rock-5b act-led,trigger=none         /leds/led_rgb_b linux,default-trigger none
rock-5b watchdog,timeout=20          &wdt timeout-sec 20
"""
PROMISED = [line.split(maxsplit=4) for line in PROMISES.strip().splitlines()]


@pytest.mark.parametrize(("board", "name"), CASES)
def test_every_choice_merges_into_every_tree(board: str, name: str, tmp_path: Path) -> None:
    """Each word of each choice and both ends of each range, without a new warning."""
    soc = load_profile(board).soc
    merged = 0
    for choice in _choices(name, soc):
        for tree in trees(board):
            record = merge(tree, [resolve(choice, soc)], tmp_path / "out.dtb", tmp_path)
            assert record.warnings == (), choice
            merged += len(record.overlays)
    assert merged


@pytest.mark.parametrize(("board", "text", "node", "name", "value"), PROMISED)
def test_the_result_is_what_was_promised(
    board: str, text: str, node: str, name: str, value: str, tmp_path: Path
) -> None:
    """Read back by the compiler's own reader."""
    overlay = resolve(parse_choice(text), load_profile(board).soc)
    for tree in trees(board):
        if merge(tree, [overlay], tmp_path / "out.dtb", tmp_path).overlays:
            kind = "u" if value.isdigit() else "s"
            assert _read(tmp_path / "out.dtb", node, name, kind) == value


def test_every_overlay_has_a_promise() -> None:
    """A new one is not forgotten."""
    assert {(row[0], row[1].split(",")[0]) for row in PROMISED} == set(CASES)


@pytest.mark.parametrize(
    ("board", "texts"),
    [
        ("rpi4", "disable-bt disable-wifi uart i2c,bus=6 i2c-rtc spi gpio-fan pcie-speed act-led"),
        ("rpi4", "pwm-fan i2c-rtc,bus=3 uart,port=4 uart,port=5 dwc2"),
        ("rpi3", "disable-bt i2c i2c-rtc spi pwm-fan dwc2 act-led"),
        ("rpi5", "disable-bt disable-wifi i2c i2c-rtc pcie-speed act-led"),
        ("jetson-nano", "uart i2c,bus=0 i2c i2c-rtc spi watchdog pwm-fan"),
        ("rock-5b", "uart,port=3 i2c i2c-rtc spi pwm-fan pcie-speed act-led watchdog"),
    ],
)
def test_many_go_together(board: str, texts: str, tmp_path: Path) -> None:
    """All that a full case could want, on every tree of the board."""
    overlays = resolve_all([parse_choice(text) for text in texts.split()], load_profile(board).soc)
    for tree in trees(board):
        record = merge(tree, overlays, tmp_path / "out.dtb", tmp_path)
        assert len(record.overlays) + len(record.skipped) == len(overlays)
        assert record.warnings == ()


@pytest.mark.parametrize(
    ("board", "texts", "pin"),
    [
        ("rpi4", "uart,port=3 i2c,bus=3", "gpio4"),
        ("rpi4", "gpio-fan,pin=14", "gpio14"),
        ("rpi4", "pwm-fan,pin=12 uart,port=5", "gpio12"),
        ("rpi3", "spi gpio-fan,pin=8", "gpio8"),
        ("rock-5b", "uart,port=4 spi", "GPIO1_B3"),
    ],
)
def test_pins_are_given_once(board: str, texts: str, pin: str, tmp_path: Path) -> None:
    """The trees' own pin groups are followed."""
    overlays = resolve_all([parse_choice(text) for text in texts.split()], load_profile(board).soc)
    with pytest.raises(ImageError, match=f"both take pin {pin}$"):
        merge(trees(board)[0], overlays, tmp_path / "out.dtb", tmp_path)


@pytest.mark.parametrize("board", BOARDS)
def test_the_trees_have_no_pin_twice_of_their_own_making(board: str, tmp_path: Path) -> None:
    """An empty overlay changes nothing, so nothing is held against it."""
    source = "/dts-v1/;\n/plugin/;\n&{/} { nothing; };"
    (tmp_path / "nothing.dts").write_text(source)
    overlay = resolve(OverlayChoice(str(tmp_path / "nothing.dts")), "")
    for tree in trees(board):
        assert merge(tree, [overlay], tmp_path / "out.dtb", tmp_path).warnings == ()


@pytest.mark.parametrize(("board", "other"), [("rpi4", "rpi5"), ("rpi5", "rpi4"), ("rpi4", "rpi3")])
def test_the_wrong_family_is_refused(board: str, other: str, tmp_path: Path) -> None:
    """Also where the labels would be there."""
    overlay = resolve(OverlayChoice("disable-wifi"), load_profile(board).soc)
    with pytest.raises(ImageError, match=f"it is for brcm,{load_profile(board).soc}"):
        merge(trees(other)[0], [overlay], tmp_path / "out.dtb", tmp_path)


def test_a_tree_without_labels_is_refused_by_name(tmp_path: Path) -> None:
    """Stable's tree of the Rock 5B has none."""
    tree = next(_kernel_folder("stable").glob("usr/lib/linux-image-*/rockchip/rk3588-rock-5b.dtb"))
    assert not load_tree(tree).labels
    overlay = resolve(parse_choice("i2c"), "rk3588")
    with pytest.raises(ImageError, match=r"rock-5b.dtb: the tree has no labels at all.*i2c8"):
        merge(tree, [overlay], tmp_path / "out.dtb", tmp_path)


def test_stables_small_tree_of_the_pi_5_is_refused_by_labels(tmp_path: Path) -> None:
    """It has labels, but not for what hangs on them."""
    folder = _kernel_folder("stable")
    tree = next(folder.glob("usr/lib/linux-image-*/broadcom/bcm2712-rpi-5-b.dtb"))
    with pytest.raises(ImageError, match="no label rp1_gpio, rp1_i2c1"):
        merge(tree, [resolve(parse_choice("i2c"), "bcm2712")], tmp_path / "out.dtb", tmp_path)


@pytest.mark.parametrize("name", ["hifiberry-dac", "pi4-spidev"])
def test_debians_own_overlays_merge(name: str, tmp_path: Path) -> None:
    """The two that raspi-firmware has, compiled, by path."""
    packages = _fetch("stable", ("raspi-firmware",), "")
    folder = unpack(_cache(), packages.files["raspi-firmware"], ignore)
    path = folder / f"usr/lib/raspi-firmware/overlays/{name}.dtbo"
    overlay = resolve(OverlayChoice(str(path)), "bcm2711")
    for tree in trees("rpi4"):
        record = merge(tree, [overlay], tmp_path / "out.dtb", tmp_path)
        assert [each.name for each in record.overlays] == [f"{name}.dtbo"]


@pytest.mark.parametrize("board", BOARDS)
def test_the_kernel_has_the_drivers(board: str) -> None:
    """Every module that an overlay names is in the package or built in."""
    profile = load_profile(board)
    suite = "backports" if profile.kernel.origin == "backports" else "stable"
    known = _modules(suite)
    for overlay in load_overlays(profile.soc):
        assert set(overlay.description.modules) <= known, overlay.name


@cache
def trees(board: str) -> tuple[Path, ...]:
    """Return the device trees of a board from the ordinary cache."""
    return packaged_trees(load_profile(board), _cache(), ignore)


def _choices(name: str, soc: str) -> Iterator[OverlayChoice]:
    yield OverlayChoice(name)
    for key, parameter in load_overlay(name, soc).description.parameters.items():
        for value in _values(parameter):
            yield OverlayChoice(name, {key: value})


def _values(parameter: Choice | Integer) -> list[str]:
    if isinstance(parameter, Choice):
        return list(parameter.choices)
    return [str(parameter.minimum), str(parameter.maximum)]


def _read(tree: Path, node: str, name: str, kind: str) -> str:
    if node.startswith("&"):
        label, slash, rest = node[1:].partition("/")
        node = _output("fdtget", str(tree), "/__symbols__", label) + slash + rest
    return _output("fdtget", "-t", kind, str(tree), node, name)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _cache() -> Cache:
    return Cache(folder=cache_dir() / "image")


@cache
def _fetch(suite: str, names: tuple[str, ...], kernel: str) -> Packages:
    release = suite_name("backports" if suite == "backports" else "stable")
    return fetch_files(_cache(), "arm64", release, names, kernel=kernel, listener=ignore)


@cache
def _kernel_folder(suite: str) -> Path:
    files = _fetch(suite, (), "linux-image-arm64").files
    name = next(name for name in files if name.startswith(("linux-image-6", "linux-base-7")))
    return unpack(_cache(), files[name], ignore)


@cache
def _modules(suite: str) -> frozenset[str]:
    files = _fetch(suite, (), "linux-image-arm64").files
    builtin = next(_kernel_folder(suite).glob("usr/lib/modules/*/modules.builtin")).read_text()
    names = {Path(line).name.removesuffix(".ko") for line in builtin.split()}
    for file in files.values():
        listing = _output("dpkg-deb", "--contents", str(file)).splitlines()
        names |= {Path(line.split()[-1]).name.split(".")[0] for line in listing if ".ko" in line}
    return frozenset(name.replace("-", "_") for name in names)
