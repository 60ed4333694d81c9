# SPDX-License-Identifier: Apache-2.0
"""A small board's device tree and overlays for it, compiled by the ordinary compiler."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from overlays.choice import OverlayChoice
from overlays.resolve import ResolvedOverlay, resolve

BASE = """\
/dts-v1/;
/ {
    compatible = "maker,board", "brcm,bcm2711";
    #address-cells = <1>;
    #size-cells = <1>;
    aliases { serial0 = &uart0; };
    chosen { stdout-path = "serial0"; };
    soc: bus@1000 {
        compatible = "simple-bus";
        reg = <0x1000 0x1000>;
        #address-cells = <1>;
        #size-cells = <1>;
        ranges;
        gpio: gpio@1100 {
            compatible = "maker,gpio";
            reg = <0x1100 0x100>;
            gpio-controller;
            #gpio-cells = <2>;
            uart_pins: uart-pins { brcm,pins = <14 15>; };
            other_pins: other-pins { pins = "gpio4", "gpio5"; };
        };
        uart0: serial@1200 {
            compatible = "maker,uart";
            reg = <0x1200 0x100>;
            pinctrl-names = "default";
            pinctrl-0 = <&uart_pins>;
            status = "okay";
        };
        i2c1: i2c@1300 {
            compatible = "maker,i2c";
            reg = <0x1300 0x100>;
            #address-cells = <1>;
            #size-cells = <0>;
            status = "disabled";
        };
    };
};
"""
HEAD = '/dts-v1/;\n/plugin/;\n/ { compatible = "brcm,bcm2711"; };\n'

Compile = Callable[..., Path]
Mine = Callable[..., ResolvedOverlay]


@pytest.fixture
def compiled(tmp_path: Path) -> Compile:
    """Give what compiles a source to a file and returns its path."""

    def make(source: str, name: str = "base.dtb", *, labels: bool = True) -> Path:
        path = tmp_path / name
        options = ["-@"] if labels else []
        command = ["dtc", "-q", *options, "-I", "dts", "-O", "dtb", "-o", str(path)]
        subprocess.run(command, input=source, text=True, check=True)
        return path

    return make


@pytest.fixture
def base(compiled: Compile) -> Path:
    """Give the device tree of the small board."""
    return compiled(BASE)


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    """Give what makes a user's overlay of the lines below the head that they all share."""

    def make(body: str, *, head: str = HEAD, name: str = "mine.dts") -> ResolvedOverlay:
        (tmp_path / name).write_text(head + body)
        return resolve(OverlayChoice(str(tmp_path / name)), "bcm2711")

    return make
