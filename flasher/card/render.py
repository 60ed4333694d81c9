# SPDX-License-Identifier: Apache-2.0
"""Renders what one card carries beyond its image: META and the files of its boot partition.

Everything is made, read back and measured before the first card is touched.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from edge.config.interface import InterfaceView, RouteView
from edge.config.metal import FIRST_LINK, MetalNetwork, render_metal
from edge.errors import ImageError
from edge.meta import keys
from edge.meta.adv import STORE_BYTES
from flasher.card.boot import BootCopy, ReadAt, find_boot
from flasher.card.personality import Personality, find_meta, new_personality, render_meta
from flasher.card.spec import CardNetwork, CardSpec
from flasher.patch import Patch
from flasher.source import Image, open_image
from flasher.table import Partition, Table, read_table

_PLAIN = CardSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedCard:
    """What distinguishes one card from its image, ready to be written."""

    spec: CardSpec
    personality: Personality | None
    """None when the image has no META."""
    patches: tuple[Patch, ...]
    """In the order of the medium, none overlapping another."""

    @property
    def files(self) -> tuple[str, ...]:
        """Return the paths of the files put into the boot partition."""
        return tuple(sorted(self.spec.files))


def render_card(
    image: Image,
    spec: CardSpec | None = None,
    *,
    now: datetime,
    enrol: bool = True,
    meta: Mapping[int, bytes] | None = None,
) -> RenderedCard:
    """Make everything that the card of `spec` carries beyond `image`, keys included.

    For several cards of one image a `CardRenderer` reads the image once.

    Raises:
        ImageError: when the image has no place for it, or not enough.
        ToolError: when there are files and mtools is not installed.
    """
    with CardRenderer(image) as renderer:
        return renderer.render(spec, now=now, enrol=enrol, meta=meta)


class CardRenderer:
    """Renders cards of one image, of which it reads the needed parts once."""

    def __init__(self, image: Image) -> None:
        self._image = image
        table = read_table(io.BytesIO(image.head))
        if table is None:
            raise ImageError(f"{image.path} has no partition table that can be read")
        self._table: Table = table
        self._meta: Partition | None = find_meta(table)
        self._store: bytes | None = None
        self._boot: BootCopy | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete what was copied out of the image."""
        if self._boot:
            self._boot.close()
        self._boot = None

    def render(
        self,
        spec: CardSpec | None = None,
        *,
        now: datetime,
        enrol: bool = True,
        meta: Mapping[int, bytes] | None = None,
    ) -> RenderedCard:
        """Do what `render_card` does."""
        spec = spec or _PLAIN
        self._check(spec)
        self._read(files=bool(spec.files))
        patches = self._boot.add(spec.files, now) if self._boot and spec.files else ()
        personality = None
        if self._meta and self._store is not None:
            personality = new_personality(now, enrol=enrol and spec.enrol, given=spec.enrolment)
            values = {**(meta or {}), **card_values(spec)}
            store = render_meta(self._store, personality, values)
            patches = (*patches, Patch(self._meta.start_bytes, store))
        ordered = tuple(sorted(patches, key=lambda patch: patch.offset))
        return RenderedCard(spec=spec, personality=personality, patches=ordered)

    def _check(self, spec: CardSpec) -> None:
        wants = [
            word
            for word, value in (
                ("a machine configuration", spec.configuration),
                ("a host name", spec.hostname),
                ("a network", spec.network),
                ("an enrolment of its own", spec.enrolment),
                ("META values", spec.meta),
            )
            if value
        ]
        if wants and self._meta is None:
            raise ImageError(
                f"{self._image.path} has no META partition, so card {spec.name or '1'}"
                f" cannot be given {', '.join(wants)}",
                hint="such images take files in their boot partition: user-data, config.txt, …",
            )
        if spec.files and find_boot(self._table) is None:
            raise ImageError(
                f"{self._image.path} has no FAT partition to put files into",
                hint="leave the files out for this image",
            )

    def _read(self, *, files: bool) -> None:
        """Read what is needed and was not read yet, in one pass over the image."""
        partition = find_boot(self._table) if files and self._boot is None else None
        jobs = []
        if partition:
            jobs.append((partition.start_bytes, self._load_boot, partition))
        if self._meta and self._store is None:
            jobs.append((self._meta.start_bytes, self._load_meta, self._meta))
        if not jobs:
            return
        with open_image(self._image) as reader:
            for _, load, each in sorted(jobs, key=lambda job: job[0]):
                load(reader.read_at, each)

    def _load_boot(self, read_at: ReadAt, partition: Partition) -> None:
        self._boot = BootCopy(partition, self._image.unread, self._image.path)
        self._boot.load(read_at, self._image.data)

    def _load_meta(self, read_at: ReadAt, partition: Partition) -> None:
        store = bytearray(min(partition.size_bytes, STORE_BYTES))
        read_at(partition.start_bytes, memoryview(store))
        self._store = bytes(store)


def card_values(spec: CardSpec) -> dict[int, bytes]:
    """Return what META holds for `spec`, besides its key and enrolment."""
    values = dict(spec.meta)
    if spec.configuration:
        # Name and network are in it already, and a second copy would outlive their change.
        values[keys.MACHINE_CONFIG] = spec.configuration
    elif spec.hostname or spec.network:
        values[keys.METAL_NETWORK] = render_metal(_metal(spec))
    return values


def _metal(spec: CardSpec) -> MetalNetwork:
    network = spec.network
    if network is None:
        return MetalNetwork(hostname=spec.hostname)
    return MetalNetwork(
        hostname=spec.hostname or None,
        interfaces=(_interface(network),),
        nameservers=network.nameservers,
    )


def _interface(network: CardNetwork) -> InterfaceView:
    routes = (RouteView(gateway=network.gateway),) if network.gateway else ()
    return InterfaceView(
        name=network.interface,
        selector=None if network.interface else FIRST_LINK,
        dhcp=network.dhcp,
        addresses=network.addresses,
        routes=routes,
    )
