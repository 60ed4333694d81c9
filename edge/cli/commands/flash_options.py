# SPDX-License-Identifier: Apache-2.0
"""The options of `edgectl flash`, by what they are about, and what the user gave."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from edge.units import parse_size

Decorator = Callable[[Any], Any]
_Text = str | tuple[str, ...] | None
_FILE = click.Path(path_type=Path, dir_okay=False)


def _size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _pairs(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for value in values:
        name, equals, source = value.partition("=")
        if not (name and equals and source):
            raise click.BadParameter(f"{value!r} is not NAME=FILE")
        found[name] = str(Path(source).resolve())
    return found


def _filled(_ctx: click.Context, _param: click.Parameter, value: _Text) -> _Text:
    # An unset variable in a script must not switch off what it was to protect with.
    values = value if isinstance(value, tuple) else (value,)
    if any(each is not None and not each.strip() for each in values):
        raise click.BadParameter("it is empty; leave the option away, or give it a value")
    return value


IMAGE: tuple[Decorator, ...] = (
    click.option("--board", help="Build this board's image, or take it from the cache."),
    click.option(
        "--image",
        "source",
        metavar="IMAGE",
        help=(
            "Write this image: a file, an http(s) address, or - for standard input; raw or"
            " qcow2, plain or in gz, xz, zst, bz2, zip, tar."
        ),
    ),
    click.option(
        "--bmap",
        metavar="FILE",
        help='Block map; "" uses none.  [default: the one beside the image]',
    ),
    click.option("--sha256", metavar="HEX", callback=_filled, help="What the image must hash to."),
    click.option(
        "--checksums",
        metavar="FILE",
        callback=_filled,
        help="List of checksums.  [default: the one beside the image]",
    ),
    click.option(
        "--signature", metavar="FILE", callback=_filled, help="minisign signature of the image."
    ),
    click.option(
        "--public-key",
        metavar="KEY",
        callback=_filled,
        help="minisign key that signed it, or its file.",
    ),
)

TARGET: tuple[Decorator, ...] = (
    click.option(
        "--to",
        "targets",
        type=click.Path(path_type=Path, readable=False),
        multiple=True,
        help="A disk to write, or an image file to make; repeat it for several at once.",
    ),
    click.option(
        "--size",
        "size_bytes",
        metavar="SIZE",
        callback=_size,
        help="How large an image file shall be, such as 8GiB.",
    ),
    click.option("--allow-fixed", is_flag=True, help="Permit a disk that is not removable."),
    click.option("--allow-large", is_flag=True, help="Permit a disk larger than cards are."),
    click.option("--any-port", is_flag=True, help="Permit ports that flash.yaml does not list."),
    click.option(
        "--save-partlabel",
        "save_labels",
        multiple=True,
        metavar="LABEL",
        callback=_filled,
        help="Keep the card's partitions with this label (a pattern), such as STATE.",
    ),
)

CARD: tuple[Decorator, ...] = (
    click.option(
        "--list", "list_path", type=_FILE, help="CSV or YAML list with what each card shall be."
    ),
    click.option("--card", "names", multiple=True, metavar="NAME", help="Only this of the list."),
    click.option("--hostname", help="Name of the node."),
    click.option("--address", metavar="IP/LEN", help="Static address of the node, or dhcp."),
    click.option("--gateway", metavar="IP", help="Its default route."),
    click.option("--nameservers", metavar="IP[,IP]", help="Its name servers."),
    click.option("--config", type=_FILE, help="Machine configuration for the node."),
    click.option("--patch", type=_FILE, multiple=True, help="Patch for that configuration."),
    click.option(
        "--file",
        "files",
        multiple=True,
        callback=_pairs,
        metavar="NAME=FILE",
        help="Put FILE into the boot partition as NAME.",
    ),
    click.option("--asset-tag", metavar="TAG", help="Your own mark, kept in the records."),
    click.option(
        "--no-enrolment",
        is_flag=True,
        help=(
            "Have the node take its first configuration from anybody who can reach it, as other"
            " clients of the API need. Its key is still recorded, so that edgectl recognises"
            " the node; but who configures it first owns it."
        ),
    ),
)

WORK: tuple[Decorator, ...] = (
    click.option("-y", "--yes", is_flag=True, help="Do not ask."),
    click.option("--dry-run", is_flag=True, help="Show what would be done and do nothing."),
    click.option("--resume", is_flag=True, help="Go on where an interrupted run stopped."),
    click.option("--no-probe", is_flag=True, help="Trust what the card says about its size."),
    click.option("--no-eject", is_flag=True, help="Leave the finished card in."),
)

STATION: tuple[Decorator, ...] = (
    click.option(
        "--watch", is_flag=True, help="Flash every card that is put into an allowed port."
    ),
    click.option(
        "--port",
        "ports",
        multiple=True,
        metavar="GLOB",
        help="A port for --watch (see `edgectl devices -o wide`).  [default: from flash.yaml]",
    ),
    click.option("--count", type=click.IntRange(min=1), help="End after so many cards."),
    click.option("--already-in", is_flag=True, help="Begin with the cards that are in now."),
    click.option("--again", is_flag=True, help="Flash cards that are done once more."),
    click.option(
        "--labels",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for a label of each finished card.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line says."""

    board: str | None
    source: str | None
    bmap: str | None
    sha256: str | None
    checksums: str | None
    signature: str | None
    public_key: str | None
    targets: tuple[Path, ...]
    size_bytes: int | None
    allow_fixed: bool
    allow_large: bool
    any_port: bool
    save_labels: tuple[str, ...]
    list_path: Path | None
    names: tuple[str, ...]
    hostname: str | None
    address: str | None
    gateway: str | None
    nameservers: str | None
    config: Path | None
    patch: tuple[Path, ...]
    files: dict[str, str]
    asset_tag: str | None
    no_enrolment: bool
    yes: bool
    dry_run: bool
    resume: bool
    no_probe: bool
    no_eject: bool
    watch: bool
    ports: tuple[str, ...]
    count: int | None
    already_in: bool
    again: bool
    labels: Path | None
    output: str

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            click.UsageError: saying what to give instead.
        """
        rules = (*self._image_rules(), *self._target_rules(), *self._station_rules())
        for is_broken, message in rules:
            if is_broken:
                raise click.UsageError(message)

    def _image_rules(self) -> Iterator[tuple[object, str]]:
        """Yield what would be wrong with the image, and what is said then."""
        proofs = (self.bmap, self.sha256, self.checksums, self.signature, self.public_key)
        yield (self.board is None) == (self.source is None), "give either --board or --image"
        yield (
            self.board and any(proofs),
            "a board's image is built here: proofs are for --image",
        )
        yield (
            self.signature and not self.public_key,
            "--signature needs the --public-key that it was made with",
        )

    def _target_rules(self) -> Iterator[tuple[object, str]]:
        disks = [target for target in self.targets if target.resolve().is_block_device()]
        yield (
            self.watch and self.targets,
            "--watch takes the cards that come: leave --to away",
        )
        yield (
            not self.watch and not self.targets,
            "missing option '--to'; `edgectl devices` lists the disks",
        )
        own = self.hostname or self.address or self.asset_tag
        are_many = len(self.targets) > 1 or (self.watch and self.count != 1)
        yield (
            own and are_many and not self.list_path,
            "cards that are not alike need a --list",
        )
        yield self.names and not self.list_path, "--card chooses from a --list"
        yield (
            self.size_bytes is not None and disks,
            "--size is for image files; a disk has its own size",
        )

    def _station_rules(self) -> Iterator[tuple[object, str]]:
        station = {
            "--port": self.ports,
            "--count": self.count,
            "--already-in": self.already_in,
            "--again": self.again,
            "--labels": self.labels,
        }
        for name, value in station.items():
            yield value and not self.watch, f"{name} goes with --watch"
        yield self.watch and self.resume, "--resume is for cards named by --to"
        yield (
            self.count and self.list_path,
            "--count is for cards that are all alike; a --list ends itself",
        )


def add_options(command: Any, *groups: tuple[Decorator, ...]) -> Any:
    """Add every option of `groups`, which the help shows in this order."""
    for option in reversed([one for group in groups for one in group]):
        command = option(command)
    return command


def given(values: dict[str, Any]) -> Given:
    """Return what click parsed.

    Raises:
        click.UsageError: when it does not go together.
    """
    found = Given(**{field.name: values[field.name] for field in fields(Given)})
    found.check()
    return found
