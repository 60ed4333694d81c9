# SPDX-License-Identifier: Apache-2.0
"""Decides whether a disk may be written: facts in, a frozen plan or a refusal out.

Nothing here touches a disk, so every rule can be read, and tested, without one.
"""

from datetime import UTC, datetime

from edge.errors import DeviceError
from edge.units import GIB, format_size
from flasher.device import Device, DeviceKind
from flasher.plan.content import read_image_table
from flasher.plan.oddity import find_oddities
from flasher.plan.request import FlashOptions, FlashPlan, FlashRequest
from flasher.plan.rule import Refusal, refuse_device
from flasher.plan.saved import choose_saved, find_conflicts, object_to_saving
from flasher.source import Image
from flasher.table import Table

SMALLEST_FILE_BYTES = 8 * GIB
"""The size of a new image file: a small card, and a power of two as emulators want it."""


def plan_flash(device: Device, request: FlashRequest, *, now: datetime | None = None) -> FlashPlan:
    """Return the plan to write `request.image` to `device`.

    Raises:
        DeviceError: naming device, model, size, every reason, and what permits it.
    """
    options = request.options
    refusals = (
        *refuse_device(device, options),
        *_refuse_image(device, request),
        *_refuse_saving(device, request),
        *_refuse_access(device),
    )
    if refusals:
        raise _refused(device, refusals)
    return FlashPlan(
        device=device,
        request=request,
        size_bytes=medium_bytes(device, options, request.image),
        oddities=find_oddities(device, options.largest_bytes, now or datetime.now(UTC)),
        saved=_saved(device, options),
    )


def check_device(device: Device, options: FlashOptions) -> None:
    """See whether `device` may be written at all, before there is an image.

    Raises:
        DeviceError: as `plan_flash` does.
    """
    if refusals := (*refuse_device(device, options), *_refuse_access(device)):
        raise _refused(device, refusals)


def medium_bytes(device: Device, options: FlashOptions, image: Image) -> int:
    """Return how large the medium is, or will be when it is a regular file."""
    if device.kind is not DeviceKind.FILE:
        return device.size_bytes
    if device.is_new:
        return options.size_bytes or _next_power_of_two(image.size_bytes, SMALLEST_FILE_BYTES)
    return options.size_bytes or device.size_bytes


def _refuse_image(device: Device, request: FlashRequest) -> list[Refusal]:
    image, found = request.image, []
    own_file = image.path in (device.path, device.backing_file)
    if own_file or device.path in request.image_disks:
        found.append(Refusal(reason=f"holds the image {image.path} itself"))
    size_bytes = medium_bytes(device, request.options, image)
    needed, who = max(
        (image.size_bytes, "the image needs"), (request.options.smallest_bytes, "the board needs")
    )
    is_sized = size_bytes > 0 or device.kind is DeviceKind.FILE
    if is_sized and size_bytes < needed:
        hint = "give a larger --size" if device.kind is DeviceKind.FILE else "take a larger card"
        found.append(
            Refusal(
                reason=f"has {format_size(size_bytes)}, {who} {format_size(needed)}",
                hint=hint,
            )
        )
    return found


def _refuse_saving(device: Device, request: FlashRequest) -> list[Refusal]:
    labels = request.options.save_labels
    if not labels:
        return _refuse_forgetting(device, request)
    reasons = object_to_saving(device.layout, labels)
    if not reasons and (saved := _saved(device, request.options)):
        size_bytes = medium_bytes(device, request.options, request.image)
        reasons = find_conflicts(saved, read_image_table(request.image), size_bytes)
    hint = "leave --save-partlabel away, and everything on it will be lost"
    return [Refusal(reason=reason, hint=hint) for reason in reasons]


def _refuse_forgetting(device: Device, request: FlashRequest) -> list[Refusal]:
    """Go on with an interrupted run as it began: what it kept must not be lost now."""
    layout = device.layout
    if not request.options.resume or layout is None or layout.kind != "gpt":
        return []
    end = max(each.end_bytes for each in read_image_table(request.image).partitions)
    if not layout.partitions or any(each.start_bytes < end for each in layout.partitions):
        return []  # the table of a finished card: nothing that a run kept
    kept = ",".join(each.label for each in layout.partitions)
    return [
        Refusal(
            reason=f"has nothing but what the interrupted run kept ({kept})",
            hint=f"add --save-partlabel {kept}, or leave --resume away to lose it",
        )
    ]


def _saved(device: Device, options: FlashOptions) -> Table | None:
    if not options.save_labels or device.layout is None:
        return None
    return choose_saved(device.layout, options.save_labels)


def _refuse_access(device: Device) -> list[Refusal]:
    if not device.is_denied:
        return []
    return [Refusal(reason="may not be written by you", hint="repeat the command with sudo")]


def _refused(device: Device, refusals: tuple[Refusal, ...]) -> DeviceError:
    final = [refusal for refusal in refusals if not refusal.option]
    reasons = " and ".join(refusal.reason for refusal in final or refusals)
    if not final:
        options = " ".join(refusal.option for refusal in refusals)
        hint = f"add {options} if you are sure"
    else:
        hint = final[0].hint or "nothing permits this; `edgectl devices` lists what may be written"
    return DeviceError(f"{device.path} ({device.name}) {reasons}", hint=hint)


def _next_power_of_two(size_bytes: int, least: int) -> int:
    size = least
    while size < size_bytes:
        size *= 2
    return size
