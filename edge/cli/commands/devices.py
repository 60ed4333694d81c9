# SPDX-License-Identifier: Apache-2.0
"""`edgectl devices`: the disks of this machine and whether they may be written."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import emit, output_option
from edge.units import format_size

if TYPE_CHECKING:
    from flasher.device import Device, Volume

_COLUMNS = ("path", "size", "name", "transport", "content", "verdict")
_WIDE_COLUMNS = ("path", "size", "name", "serial", "port", "content", "history", "verdict")


@click.command()
@click.option("--all", "with_all", is_flag=True, help="Also list what can never be a card.")
@output_option("table", "wide", "yaml", "json")
def command(with_all: bool, output: str) -> None:
    """List the disks of this machine and whether they may be written.

    VERDICT is "ok", what `edgectl flash` needs to be told, or why it refuses. "wide" adds the
    ports, as flash.yaml wants them, and what the file systems say about their past.
    """
    from flasher.device import find_devices

    rows = [_row(device) for device in find_devices(with_all=with_all)]
    columns = _WIDE_COLUMNS if output == "wide" else _COLUMNS
    emit(rows, columns=columns, output=output)
    if not rows:
        click.echo("no disks found; insert a card and run this again", err=True)
        _explain_boards()


def _explain_boards() -> None:
    """Tell of boards on the USB: they are plugged in, but are no disks."""
    from boards.usb import find_usb_boards
    from edge.cli.commands.boards import explain_usb_boards

    explain_usb_boards(find_usb_boards())


def describe_content(device: "Device") -> str:
    """Return in one line what is on `device` now."""
    parts = [_describe(volume.label, volume.fs_type or "") for volume in device.volumes]
    words = [device.table, *(part for part in parts if part)]
    if found := " ".join(word for word in words if word):
        return found
    return "may not be read" if _is_hidden(device) else "unknown or nothing"


def describe_history(device: "Device", now: datetime | None = None) -> list[str]:
    """Return what the file systems on `device` say about their past, a line each.

    Such as "sdb2 (rootfs): last mounted at /home/eva 3 days ago, made on 2023-04-01".
    """
    now = now or datetime.now(UTC)
    return [line for volume in device.volumes if (line := _describe_past(volume, now))]


def _is_hidden(device: "Device") -> bool:
    # What may be read but not written is denied too, and empty if it looks so.
    return device.is_denied and not os.access(device.path, os.R_OK)


def _describe(label: str, fs_type: str) -> str:
    return f"{label}({fs_type})" if label and fs_type else label or fs_type


def _describe_past(volume: "Volume", now: datetime) -> str:
    from flasher.device.age import tell_age

    history = volume.history
    place = f" at {history.last_mounted_at}" if history.last_mounted_at else ""
    facts = []
    if history.used_bytes is not None:
        facts.append(f"{format_size(history.used_bytes)} of {format_size(volume.size_bytes)} used")
    if history.mounted or place:
        facts.append(f"last mounted{place} {tell_age(history.mounted, now)}".rstrip())
    elif history.written:
        facts.append(f"last written {tell_age(history.written, now)}")
    if history.made:
        facts.append(f"made {tell_age(history.made, now)}")
    if not facts:
        return ""
    label = f" ({volume.label})" if volume.label else ""
    return f"{volume.path.name}{label}: {', '.join(facts)}"


def _row(device: "Device") -> dict[str, Any]:
    from flasher.plan import FlashOptions, refuse_device

    refusals = refuse_device(device, FlashOptions())
    return {
        "path": str(device.path),
        "size": format_size(device.size_bytes),
        "size_bytes": device.size_bytes,
        "kind": str(device.kind),
        "name": " ".join(word for word in (device.vendor, device.model) if word),
        "vendor": device.vendor,
        "model": device.model,
        "serial": device.serial,
        "cid": device.cid,
        "transport": device.transport,
        "port": device.port,
        "topology": device.topology,
        "card": device.card,
        "removable": device.is_removable,
        "hotplug": device.is_card,
        "read_only": device.is_read_only,
        "logical_block_bytes": device.logical_block_bytes,
        "physical_block_bytes": device.physical_block_bytes,
        "by_id": [str(link) for link in device.by_id],
        "backing_file": str(device.backing_file) if device.backing_file else None,
        "content": describe_content(device),
        "history": describe_history(device),
        "table": device.table,
        "volumes": [_volume(volume) for volume in device.volumes],
        "system_uses": list(device.system_uses),
        "protection": device.protection,
        "wrong_port": device.wrong_port,
        "verdict": _verdict(refusals),
    }


def _volume(volume: "Volume") -> dict[str, Any]:
    history = volume.history
    return {
        "path": str(volume.path),
        "size_bytes": volume.size_bytes,
        "label": volume.label,
        "fs_type": volume.fs_type,
        "mounts": list(volume.mounts),
        "swap": volume.is_swap,
        "holders": list(volume.holders),
        "used_bytes": history.used_bytes,
        "last_mounted_at": history.last_mounted_at or None,
        "last_mounted": _moment(history.mounted),
        "last_written": _moment(history.written),
        "made": _moment(history.made),
    }


def _moment(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat() if time else None


def _verdict(refusals: tuple[Any, ...]) -> str:
    if not refusals:
        return "ok"
    final = [refusal for refusal in refusals if not refusal.option]
    if final:
        return f"refused: {final[0].reason}"
    options = " ".join(refusal.option for refusal in refusals)
    return f"needs {options}: {refusals[0].reason}"
