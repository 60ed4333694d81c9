# SPDX-License-Identifier: Apache-2.0
"""The question before a card is destroyed: what it is, what is on it, what comes instead."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edge.cli.commands.devices import describe_content, describe_history
from edge.units import format_size

if TYPE_CHECKING:
    from flasher.plan import FlashPlan


def ask(plans: "Sequence[FlashPlan]") -> None:
    """Show what would be lost and ask for it; a new file loses nothing.

    Raises:
        click.Abort: when the answer is another than the one asked for.
        click.UsageError: when nobody is there to be asked.
    """
    losing = [plan for plan in plans if not plan.device.is_new]
    if not losing:
        return
    for plan in losing:
        _show(plan)
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked: add --yes")
    odd = [plan for plan in losing if plan.oddities]
    for plan in odd:
        _demand(plan.device.path.name, f"{_loss([plan])} will be lost.")
    if not odd:
        _demand("yes", f"{_loss(losing)} will be lost.")
    elif len(odd) < len(losing):
        _demand("yes", f"{_loss([plan for plan in losing if not plan.oddities])} will be lost.")


def _loss(plans: "Sequence[FlashPlan]") -> str:
    names = ", ".join(str(plan.device.path) for plan in plans)
    kept = sorted({each.label for plan in plans if plan.saved for each in plan.saved.partitions})
    but = f" but {', '.join(kept)}" if kept else ""
    return f"Everything on {names}{but}"


def _show(plan: "FlashPlan") -> None:
    device, image, card = plan.device, plan.request.image, plan.request.card
    click.echo(f"\n  {device.path}   {device.name}", err=True)
    lines = [
        ("serial", device.serial),
        ("port", device.port),
        ("on it now", describe_content(device)),
        *(("", text) for text in describe_history(device)),
        ("image", f"{image.origin or image.path}, {format_size(image.size_bytes)}"),
    ]
    if card and (card.name or card.hostname):
        lines.append(("card", card.name or card.hostname))
    if plan.saved:
        lines.append(("kept", ", ".join(each.label for each in plan.saved.partitions)))
    for name, value in lines:
        if value or name == "serial":
            label = f"{name}:" if name else ""
            click.echo(f"  {label:<11}{value or 'none'}", err=True)
    for oddity in plan.oddities:
        click.echo(f"  careful:   {oddity}", err=True)


def _demand(word: str, text: str) -> None:
    answer = click.prompt(
        f"\n{text} Type {word!r} to go on", default="", show_default=False, err=True
    )
    if answer.strip() != word:
        click.echo("nothing was written", err=True)
        raise click.Abort
