# SPDX-License-Identifier: Apache-2.0
"""Looks at image and target and plans; nothing is changed."""

from pathlib import Path

from edge.events import Listener, ignore, step
from edge.units import format_size
from flasher.card import CardSpec
from flasher.description import describes, read_description
from flasher.device import THIS_HOST, Device, Host, inspect
from flasher.device.usage import disks_of_path
from flasher.plan.content import read_image_table
from flasher.plan.request import FlashOptions, FlashPlan, FlashRequest
from flasher.plan.safety import plan_flash
from flasher.source import Image, Verification, load_image

_DEFAULTS = FlashOptions()
_NOTHING = Verification()


def prepare(
    image: Path | Image,
    target: Path,
    options: FlashOptions = _DEFAULTS,
    *,
    card: CardSpec | None = None,
    meta: dict[int, bytes] | None = None,
    listener: Listener = ignore,
    host: Host = THIS_HOST,
) -> FlashPlan:
    """Look at image and target and return the plan; nothing is changed.

    An image that goes to several cards is given as what `read_image` returned.

    Raises:
        DeviceError: when the target may not be written.
        ImageError: when the image cannot be.
    """
    device = inspect(target, host)
    if isinstance(image, Path):
        image = read_image(image, listener=listener)
    board, version = _origin(image)
    request = FlashRequest(
        image=image,
        options=options,
        image_disks=_own_disks(image, device, host),
        board=board,
        version=version,
        card=card,
        meta=meta or {},
    )
    return plan_flash(device, request)


def _own_disks(image: Image, device: Device, host: Host) -> frozenset[Path]:
    """Return the disks, and the target if it is one of them, that the image itself lies on."""
    disks = {host.dev / name for name in disks_of_path(host, image.path)}
    files = [image.path, *([Path(image.origin)] if image.origin else [])]
    targets = [device.path, *([device.backing_file] if device.backing_file else [])]
    if any(_is_same_file(file, target) for file in files for target in targets):
        disks.add(device.path)  # by another name, such as a hard link
    return frozenset(disks)


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def read_image(
    source: str | Path,
    verification: Verification = _NOTHING,
    *,
    bmap: str | Path | None = None,
    listener: Listener = ignore,
) -> Image:
    """Return the image at `source`, read as far as it takes to know that it can be written.

    Raises:
        ImageError, TrustError, ToolError: as `load_image` does.
    """
    with step(listener, "read image") as running:
        image = load_image(source, verification, bmap=bmap, listener=listener)
        read_image_table(image)
        digest = f", sha256 {image.sha256[:12]}" if image.sha256 else ""
        running.detail = f"{format_size(image.size_bytes)}{digest}"
    return image


def _origin(image: Image) -> tuple[str, str]:
    """Return board and version from the description beside the image, if it is of this image."""
    if not describes(image.path, image.sha256):
        return "", ""
    found = read_description(image.path)
    return found.get("board", ""), found.get("version", "")
