# SPDX-License-Identifier: Apache-2.0
"""`edgectl devices`: the disks of this machine and whether they may be written."""

from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import emit, output_option
from edge.units import format_size

if TYPE_CHECKING:
    from flasher.device import Device

_COLUMNS = ("path", "size", "name", "transport", "content", "verdict")


@click.command()
@click.option("--all", "with_all", is_flag=True, help="Also list what can never be a card.")
@output_option()
def command(with_all: bool, output: str) -> None:
    """List the disks of this machine and whether they may be written.

    VERDICT is "ok", what `edgectl flash` needs to be told, or why it refuses.
    """
    from flasher.device import find_devices

    rows = [_row(device) for device in find_devices(with_all=with_all)]
    emit(rows, columns=_COLUMNS, output=output)
    if not rows:
        click.echo("no disks found; insert a card and run this again", err=True)


def describe_content(device: "Device") -> str:
    """Return in one line what is on `device` now."""
    parts = [_describe(volume.label, volume.fs_type or "") for volume in device.volumes]
    words = [device.table, *(part for part in parts if part)]
    return " ".join(word for word in words if word) or "unknown or nothing"


def _describe(label: str, fs_type: str) -> str:
    return f"{label}({fs_type})" if label and fs_type else label or fs_type


def _row(device: "Device") -> dict[str, Any]:
    from flasher.write import FlashOptions, refuse_device

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
        "transport": device.transport,
        "card": device.card,
        "removable": device.is_removable,
        "hotplug": device.is_card,
        "read_only": device.is_read_only,
        "logical_block_bytes": device.logical_block_bytes,
        "physical_block_bytes": device.physical_block_bytes,
        "by_id": [str(link) for link in device.by_id],
        "backing_file": str(device.backing_file) if device.backing_file else None,
        "content": describe_content(device),
        "table": device.table,
        "volumes": [_volume(volume) for volume in device.volumes],
        "system_uses": list(device.system_uses),
        "verdict": _verdict(refusals),
    }


def _volume(volume: Any) -> dict[str, Any]:
    return {
        "path": str(volume.path),
        "size_bytes": volume.size_bytes,
        "label": volume.label,
        "fs_type": volume.fs_type,
        "mounts": list(volume.mounts),
        "swap": volume.is_swap,
        "holders": list(volume.holders),
    }


def _verdict(refusals: tuple[Any, ...]) -> str:
    if not refusals:
        return "ok"
    final = [refusal for refusal in refusals if not refusal.option]
    if final:
        return f"refused: {final[0].reason}"
    options = " ".join(refusal.option for refusal in refusals)
    return f"needs {options}: {refusals[0].reason}"
