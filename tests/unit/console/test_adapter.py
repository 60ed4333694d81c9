# SPDX-License-Identifier: Apache-2.0
"""Which of the connected serial adapters is meant, and which one it was when it comes back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from serial.tools import list_ports

from boards.catalog import all_profiles
from edge.cli.console import choose_line
from edge.errors import NodeError
from edge.provision.console import adapter as adapters
from edge.provision.console.adapter import (
    Adapter,
    choose_adapter,
    find_again,
    list_adapters,
    stable_path,
)


@dataclass
class Port:
    """What pyserial says of a port."""

    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    location: str | None = None
    description: str = "n/a"


Plug = Callable[..., None]


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plug:
    """Give what connects ports, in place of those of this machine."""
    monkeypatch.setattr(adapters, "BY_ID", tmp_path / "by-id")

    def connect(*ports: Port) -> None:
        monkeypatch.setattr(list_ports, "comports", lambda: list(ports))

    connect()
    return connect


def ftdi(number: int, serial: str = "A50285BI", place: str = "1-1") -> Port:
    """Return a port with an FTDI adapter."""
    return Port(f"/dev/ttyUSB{number}", 0x0403, 0x6001, serial, f"{place}:1.0")


def quad(first: int, place: str = "1-4") -> list[Port]:
    """Return the four ports of one FT4232."""
    return [
        Port(f"/dev/ttyUSB{first + index}", 0x0403, 0x6011, None, f"{place}:1.{index}")
        for index in range(4)
    ]


def topo() -> list[Port]:
    """Return the four ports of an AGX Orin's micro-USB socket, in no order."""
    return [
        Port(f"/dev/ttyACM{index}", 0x0955, 0x7045, "TOPO1", f"1-2:1.{2 * index}")
        for index in (3, 0, 2, 1)
    ]


def test_only_adapter_is_taken(plug: Plug) -> None:
    """One adapter that people use for boards is it, whatever else is connected."""
    modem = Port("/dev/ttyACM0", 0x1199, 0x9071, "M", "1-9:1.0", "Modem")
    plug(Port("/dev/ttyS0"), modem, ftdi(0))
    assert choose_adapter(list_adapters()).port == "/dev/ttyUSB0"


def test_unknown_usb_port_is_taken_when_it_is_alone(plug: Plug) -> None:
    """An adapter that no table names is better than none; a port of the machine is not."""
    plug(Port("/dev/ttyS0"), Port("/dev/ttyACM0", 0x9999, 0x0001, "X", "1-9:1.0"))
    assert choose_adapter(list_adapters()).port == "/dev/ttyACM0"


def test_none_is_one_clear_line(plug: Plug) -> None:
    """Without an adapter the hint says what to plug in, and what the machine has."""
    plug(Port("/dev/ttyS0"))
    with pytest.raises(NodeError, match=r"^no serial adapter is connected$") as caught:
        choose_adapter(list_adapters(), connect="header pins 8, 10, 6")
    assert "header pins 8, 10, 6" in (caught.value.hint or "")
    assert "/dev/ttyS0" in (caught.value.hint or "")


def test_several_are_listed(plug: Plug) -> None:
    """With two, nobody guesses: both are listed, and what to type."""
    plug(ftdi(0), Port("/dev/ttyUSB1", 0x10C4, 0xEA60, "0001", "1-2:1.0"))
    with pytest.raises(NodeError, match=r"2 serial ports could be the console:\n") as caught:
        choose_adapter(list_adapters())
    assert "FTDI FT232R, /dev/ttyUSB0" in caught.value.message
    assert "Silicon Labs CP210x, /dev/ttyUSB1" in caught.value.message
    assert caught.value.hint == "name one: edgectl console /dev/ttyUSB0"


def test_boards_own_adapter_is_preferred(plug: Plug) -> None:
    """A board with a built-in adapter has it chosen, and the right one of its ports."""
    plug(ftdi(0), *topo())
    found = choose_adapter(list_adapters(), usb_id="0955:7045", index=0)
    assert found.port == "/dev/ttyACM0"
    assert choose_adapter(list_adapters(), usb_id="0955:7045", index=3).port == "/dev/ttyACM3"


def test_boards_own_adapter_may_be_missing(plug: Plug) -> None:
    """Whoever uses the pins instead of the built-in adapter has that one found."""
    plug(ftdi(0))
    assert choose_adapter(list_adapters(), usb_id="0955:7045").port == "/dev/ttyUSB0"


@pytest.mark.parametrize("profile", [each for each in all_profiles() if each.console.adapter])
def test_profiles_name_a_port_that_there_is(profile: object, plug: Plug) -> None:
    """What a profile says of its adapter fits what the adapter has."""
    console = profile.console  # type: ignore[attr-defined]
    ports = {"0955:7045": topo(), "0403:6011": quad(0)}.get(console.adapter)
    assert ports, f"no test knows the ports of {console.adapter}"
    plug(*ports)
    found = choose_line(None, profile.name, None)  # type: ignore[attr-defined]
    assert found.name.endswith(str(console.adapter_port))


def test_four_ports_of_one_adapter_are_numbered(plug: Plug) -> None:
    """Two adapters of a kind have their ports counted apart, in the kernel's order."""
    plug(*quad(10, "1-5"), *quad(2, "1-4"))
    indexes = {each.port: each.index for each in list_adapters()}
    assert indexes["/dev/ttyUSB2"] == indexes["/dev/ttyUSB10"] == 0
    assert indexes["/dev/ttyUSB5"] == indexes["/dev/ttyUSB13"] == 3


def test_port_of_a_board_without_a_name_is_hinted(plug: Plug) -> None:
    """Four ports of a board's own adapter: the hint says that naming the board helps."""
    names = [each.name for each in all_profiles() if each.console.adapter == "0955:7045"]
    plug(*topo())
    with pytest.raises(NodeError, match="4 serial ports") as caught:
        choose_line(None, None, None)
    assert all(f"{name}" in (caught.value.hint or "") for name in names)
    assert bool(names) == ("--board" in (caught.value.hint or ""))


def test_running_jetson_is_no_boot_console(plug: Plug) -> None:
    """The port that a running Linux offers over USB is never chosen by itself."""
    plug(Port("/dev/ttyACM0", 0x0955, 0x7020, "J", "1-2:1.2"))
    with pytest.raises(NodeError, match="no serial adapter"):
        choose_adapter(list_adapters())


def test_stable_name_is_used(plug: Plug, tmp_path: Path) -> None:
    """A port with a lasting name is known by that."""
    real = tmp_path / "ttyUSB0"
    real.touch()
    (tmp_path / "by-id").mkdir()
    link = tmp_path / "by-id/usb-FTDI_FT232R_A50285BI-if00-port0"
    link.symlink_to(real)
    plug(Port(str(real), 0x0403, 0x6001, "A50285BI", "1-1:1.0"))
    assert choose_adapter(list_adapters()).device == str(link)
    assert stable_path(str(real)) == str(link)


def test_adapter_is_found_again_by_its_serial_number(plug: Plug) -> None:
    """In another socket and under another number, it is the same adapter."""
    plug(ftdi(0))
    before = list_adapters()[0]
    plug(ftdi(0, serial="OTHER", place="1-1"), ftdi(7, place="2-3"))
    assert find_again(before) == "/dev/ttyUSB7"
    plug(ftdi(0, serial="OTHER"))
    assert find_again(before) is None


def test_adapter_without_a_number_is_found_by_its_socket(plug: Plug) -> None:
    """CH340s all look alike; the one in the same socket is taken for the same."""
    plug(Port("/dev/ttyUSB0", 0x1A86, 0x7523, None, "1-1"))
    before = list_adapters()[0]
    plug(
        Port("/dev/ttyUSB1", 0x1A86, 0x7523, None, "1-2"),
        Port("/dev/ttyUSB2", 0x1A86, 0x7523, None, "1-1"),
    )
    assert find_again(before) == "/dev/ttyUSB2"


def test_copied_serial_numbers_do_not_count(plug: Plug) -> None:
    """Of two clones with one number, only the one in the same socket is the same."""
    mine, other = ftdi(0, place="1-1"), ftdi(1, place="1-2")
    plug(mine, other)
    before = next(each for each in list_adapters() if each.place == "1-1")
    plug(other)
    assert find_again(before) is None
    plug(ftdi(0, place="1-2"), ftdi(1, place="1-1"))
    assert find_again(before) == "/dev/ttyUSB1"


def test_factory_number_does_not_count(plug: Plug) -> None:
    """Every CP2102 is number 0001 until somebody gives it another."""
    plug(Port("/dev/ttyUSB0", 0x10C4, 0xEA60, "0001", "1-1:1.0"))
    before = list_adapters()[0]
    plug(Port("/dev/ttyUSB0", 0x10C4, 0xEA60, "0001", "1-2:1.0"))
    assert find_again(before) is None


def test_machines_own_port_is_not_looked_for() -> None:
    """What is no USB adapter has nothing to be known by."""
    port = Adapter(device="/dev/ttyS0", name="n/a", port="/dev/ttyS0")
    assert not port.is_same(port)
