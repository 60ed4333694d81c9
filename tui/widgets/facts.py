# SPDX-License-Identifier: Apache-2.0
"""The panels of one node: what it is, what it uses, which services it runs."""

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from edge.client.model import ServiceStatus
from edge.units import format_duration, format_size
from tui.model import Node
from tui.row import Cell, Tone, card_cell, state_cell
from tui.text import age, bar, percent, plain, spark
from tui.widgets.tone import STYLES, toned

_LABEL_WIDTH = 8
_BAR_WIDTH = 10


class MachinePanel(Static):
    """Stage and what is missing for it, software, card, addresses, complaints."""

    def show(self, node: Node, now: datetime) -> None:
        """Show a node."""
        self.update(_grid(_machine_facts(node, now)))


class UsagePanel(Static):
    """Processor and memory now and lately, load, uptime."""

    def show(self, node: Node, now: datetime) -> None:
        """Show a node."""
        width = max(self.content_size.width - _LABEL_WIDTH - _BAR_WIDTH - 7, 8)
        self.update(_grid(_usage_facts(node, now, width)))


class ServicePanel(Static):
    """The services with state, health and last event."""

    def show(self, services: Iterable[ServiceStatus]) -> None:
        """Show services."""
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for service in services:
            table.add_row(
                Text(plain(service.id)),
                toned(_service_cell(service)),
                Text(plain(service.message), style="dim"),
            )
        self.update(table if table.row_count else Text("nothing is known yet", style="dim"))


def _machine_facts(node: Node, now: datetime) -> list[tuple[str, Text]]:
    report, detail = node.report, node.report.detail if node.report else None
    facts = [("state", toned(state_cell(node)))]
    if node.failure:
        facts.append(("why", _text(node.failure.reason, Tone.BAD)))
        facts.append(("seen", Text(age(node.last_seen, now))))
    facts += [("waits", _text(each, Tone.WAITING)) for each in (report.unmet if report else ())]
    facts += [("says", _text(each, Tone.BAD)) for each in (detail.diagnostics if detail else ())]
    facts.append(("card", _card_text(node)))
    facts.append(("version", Text(_software(node))))
    if detail:
        role = " ".join(
            filter(None, (detail.machine_type, detail.cluster and "of", detail.cluster))
        )
        facts += [("role", Text(role))] if role else []
        facts.append(("address", Text(", ".join(map(plain, detail.addresses)))))
        facts.append(("board", Text(plain(" · ".join(filter(None, (node.board, detail.product)))))))
    return facts


def _card_text(node: Node) -> Text:
    identity = node.identity
    if identity and identity.card:
        flashed = f", flashed {identity.flashed:%Y-%m-%d}" if identity.flashed else ""
        return _text(f"card {identity.card}{flashed}", Tone.GOOD)
    if identity:
        return _text(f"stranger {identity.fingerprint}", Tone.WAITING)
    return toned(card_cell(node))


def _software(node: Node) -> str:
    report = node.report
    parts = (node.version, report.arch, report.platform) if report else (node.version,)
    return plain(" · ".join(filter(None, parts)))


def _usage_facts(node: Node, now: datetime, width: int) -> list[tuple[str, Text]]:
    if node.report is None:
        return [("", Text("nothing is known yet", style="dim"))]
    usage = node.report.usage
    used, total = format_size(usage.memory_used_bytes), format_size(usage.memory_total_bytes)
    load = "  ".join(f"{each:.2f}" for each in usage.load)
    uptime = max(now.timestamp() - usage.boot_time, 0.0)
    return [
        ("cpu", _gauge(node.cpu, width)),
        ("", _text(f"{usage.cpu_count} processors", Tone.FAINT)),
        ("memory", _gauge(node.memory, width)),
        ("", _text(f"{used} of {total}", Tone.FAINT)),
        ("load", Text(load)),
        ("up", Text(format_duration(uptime))),
    ]


def _gauge(percents: tuple[float, ...], width: int) -> Text:
    value = percents[-1] if percents else None
    tone = Tone.BAD if value is not None and value >= 90 else Tone.GOOD
    text = toned(Cell(bar(value or 0, _BAR_WIDTH), tone))
    text.append(f" {percent(value):>4} ")
    return text.append(spark(percents, width), style="cyan")


def _service_cell(service: ServiceStatus) -> Cell:
    if service.healthy is False:
        return Cell(f"✗ {service.state}, unhealthy", Tone.BAD)
    if service.state == "Running":
        word = "healthy" if service.healthy else "not checked"
        return Cell(f"● Running, {word}", Tone.GOOD)
    tone = Tone.BAD if service.state == "Failed" else Tone.WAITING
    return Cell(f"◐ {service.state}", tone)


def _text(text: str, tone: Tone) -> Text:
    return Text(plain(text), style=STYLES[tone], overflow="fold")


def _grid(facts: list[tuple[str, Text]]) -> Table:
    table = Table.grid(padding=(0, 0), expand=True)
    table.add_column(width=_LABEL_WIDTH, no_wrap=True)
    table.add_column(ratio=1)
    for label, value in facts:
        if not value.plain:
            continue
        table.add_row(Text(label, style="dim"), value)
    return table
