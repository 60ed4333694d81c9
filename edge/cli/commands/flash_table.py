# SPDX-License-Identifier: Apache-2.0
"""Plans and reports of `edgectl flash` as rows, and the last words to the user."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edge.cli.commands.devices import describe_content
from edge.cli.output import emit
from edge.units import format_duration, format_size

if TYPE_CHECKING:
    from edge.errors import EdgeError
    from flasher.plan import FlashPlan
    from flasher.write import FlashReport

_PLAN_COLUMNS = ("target", "name", "size", "content", "image", "image_size", "oddities")
_CARD_COLUMNS = ("card", "hostname", "files", "kept")
"""Shown in between when any card has them."""
_REPORT_COLUMNS = ("target", "written", "seconds", "speed", "card", "enrolment", "fingerprint")
_MANY_COLUMNS = ("target", "name", "outcome", "seconds", "speed", "card", "enrolment", "error")


def print_plans(plans: "Sequence[FlashPlan]", output: str) -> None:
    """Print what would be done."""
    rows = [_plan_row(plan) for plan in plans]
    told = tuple(name for name in _CARD_COLUMNS if any(row[name] for row in rows))
    _print(rows, (*_PLAN_COLUMNS[:4], *told, *_PLAN_COLUMNS[4:]), output)


def print_reports(
    plans: "Sequence[FlashPlan]", results: "Sequence[FlashReport | EdgeError]", output: str
) -> None:
    """Print what came of each card, and say what comes next."""
    rows = [_result_row(*pair) for pair in zip(plans, results, strict=True)]
    _print(rows, _REPORT_COLUMNS if len(rows) == 1 else _MANY_COLUMNS, output)
    for result in results:
        _say_end(result)
    is_ours = any(getattr(result, "fingerprint", None) for result in results)
    if is_ours and any(plan.device.path.is_block_device() for plan in plans):
        click.echo("next: put the card into the board, then: edgectl discover --watch", err=True)


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...], output: str) -> None:
    if output == "jsonl":
        for row in rows:
            click.echo(json.dumps(row))
    else:
        emit(rows, columns=columns, output=output)


def _plan_row(plan: "FlashPlan") -> dict[str, Any]:
    device, image, card = plan.device, plan.request.image, plan.request.card
    return {
        "target": str(device.path),
        "name": device.name,
        "serial": device.serial,
        "size": format_size(plan.size_bytes),
        "size_bytes": plan.size_bytes,
        "content": "a new file" if device.is_new else describe_content(device),
        "image": image.origin or str(image.path),
        "image_size": format_size(image.size_bytes),
        "image_bytes": image.size_bytes,
        "image_sha256": image.sha256,
        "data_bytes": sum(one.size_bytes for one in image.data),
        "board": plan.request.board,
        "card": card.name if card else "",
        "hostname": card.hostname if card else "",
        "files": sorted(card.files) if card else [],
        "kept": [each.label for each in plan.saved.partitions] if plan.saved else [],
        "oddities": list(plan.oddities),
    }


def _result_row(plan: "FlashPlan", result: "FlashReport | EdgeError") -> dict[str, Any]:
    from flasher.write import FlashReport

    if isinstance(result, FlashReport):
        return _report_row(result)
    return {
        "target": str(plan.device.path),
        "name": plan.request.card.name if plan.request.card else "",
        "outcome": "failed",
        "error": result.message,
    }


def _report_row(report: "FlashReport") -> dict[str, Any]:
    return {
        "target": str(report.target),
        "name": report.card_name,
        "outcome": "finished before" if report.is_left else "written",
        "written": format_size(report.written_bytes),
        "written_bytes": report.written_bytes,
        "verified_bytes": report.verified_bytes,
        "rewritten_ranges": report.rewritten_ranges,
        "read_back": report.habit,
        "seconds": round(report.seconds, 1),
        "speed": f"{format_size(int(report.bytes_per_second))}/s",
        "image_sha256": report.image_sha256,
        "card": report.record_id,
        "enrolment": report.enrolment_id,
        "fingerprint": report.fingerprint,
    }


def _say_end(result: "FlashReport | EdgeError") -> None:
    from flasher.write import FlashReport

    if not isinstance(result, FlashReport):
        return
    if result.is_left:
        click.echo(f"{result.target} was finished before and is left as it is", err=True)
        return
    took = format_duration(result.seconds)
    click.echo(f"{result.target} is written and read back ({took}).", err=True)
    if result.rewritten_ranges:
        count = result.rewritten_ranges
        ranges = "1 range" if count == 1 else f"{count} ranges"
        click.echo(f"{ranges} took a second try: an ageing card", err=True)
    if result.fingerprint and not result.enrolment_id:
        click.echo("anybody who can reach its node may configure it first", err=True)
