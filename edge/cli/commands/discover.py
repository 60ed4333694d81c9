# SPDX-License-Identifier: Apache-2.0
"""`edgectl discover`: the nodes on this network, and which of them boot from our cards."""

import asyncio
import ipaddress
import json
from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import emit, output_option

if TYPE_CHECKING:
    from discovery.probe import Answer, Network
    from discovery.record import NodeRecord
    from discovery.roster import NodeEvent

Row = dict[str, Any]

_SECONDS = 3.0
_COLUMNS = ("name", "address", "state", "board", "version", "card")
_WATCH_COLUMNS = ("event", *_COLUMNS)
_WIDTHS = (9, 20, 26, 12, 12, 12)


@click.command()
@click.option("-w", "--watch", is_flag=True, help="Keep listening and print what changes.")
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=0.1, max=3600),
    help="Seconds to listen for: 3 unless told, or until ctrl-C with --watch.",
)
@click.option("-i", "--interface", "interfaces", multiple=True, help="Listen on this link alone.")
@click.option(
    "--cidr",
    "networks",
    metavar="NETWORK",
    multiple=True,
    help="Also try every address of this network, where multicast does not pass.",
)
@output_option("table", "json", "yaml", "jsonl")
def command(
    *,
    watch: bool,
    seconds: float | None,
    interfaces: Sequence[str],
    networks: Sequence[str],
    output: str,
) -> None:
    """Find nodes on the local network.

    CARD says whether a node boots from a card that was flashed here. What nodes say of themselves
    is a hint: only the connection that `apply-config` makes proves who they are.
    """
    if watch and networks:
        raise click.UsageError("--watch and --cidr do not go together")
    if watch and output in ("json", "yaml"):
        raise click.UsageError(f"--watch prints a stream: use -o jsonl, not -o {output}")
    if watch:
        asyncio.run(_watch(interfaces or None, seconds, output))
    else:
        parsed = [_network(text) for text in networks]
        _print(asyncio.run(_find(seconds or _SECONDS, interfaces or None, parsed)), output)


def _network(text: str) -> "Network":
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--cidr") from error


async def _find(
    seconds: float,
    interfaces: Sequence[str] | None,
    networks: "Sequence[Network]",
) -> list[Row]:
    from discovery.probe import probe

    answers: list[Answer] = []
    for network in networks:
        click.echo(f"trying {network.num_addresses} addresses of {network}", err=True)
        answers += await probe(network)
    nodes = await _listen(seconds, interfaces, needed=not networks)
    heard = {(str(address), node.port) for node in nodes for address in node.addresses}
    return [_row(node) for node in nodes] + [
        _answer_row(answer) for answer in answers if (answer.address, answer.port) not in heard
    ]


async def _listen(
    seconds: float, interfaces: Sequence[str] | None, *, needed: bool
) -> "list[NodeRecord]":
    from discovery.browse import Browser
    from edge.errors import NodeError

    try:
        async with Browser(interfaces) as browser:
            if all(link.is_loopback for link in browser.links) and needed:
                click.echo("no network is up: listening on this machine alone", err=True)
            await asyncio.sleep(seconds)
            await browser.settle(3.0)
            return browser.nodes()
    except NodeError:
        if needed:
            raise
        return []


async def _watch(interfaces: Sequence[str] | None, seconds: float | None, output: str) -> None:
    from discovery.browse import watch

    if output == "table":
        click.echo(_line([column.upper() for column in _WATCH_COLUMNS]))
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(watch(interfaces)) as events:
            async for event in events:
                row = _event_row(event)
                cells = [row[column] for column in _WATCH_COLUMNS]
                click.echo(json.dumps(row) if output == "jsonl" else _line(cells))


def _print(rows: list[Row], output: str) -> None:
    if output == "jsonl":
        for row in rows:
            click.echo(json.dumps(row))
        return
    if output != "table" or rows:
        emit(rows, columns=_COLUMNS, output=output)
    if not rows:
        click.echo(
            "no nodes found; where multicast does not pass, try: edgectl discover --cidr NETWORK",
            err=True,
        )


def _row(node: "NodeRecord") -> Row:
    return {
        "name": node.name,
        "address": node.address,
        "state": str(node.state),
        "board": node.board,
        "version": node.version,
        "card": _card_text(node.fingerprint, node.card),
        "arch": node.arch,
        "id": node.id,
        "port": node.port,
        "addresses": [str(address) for address in node.addresses],
        "interface": node.interface,
        "fingerprint": node.fingerprint,
        "enrolment": node.card,
        "cluster": node.cluster,
    }


def _event_row(event: "NodeEvent") -> Row:
    kind = type(event).__name__.removeprefix("Node").lower()
    return {"event": kind, **_row(event.node)}


def _answer_row(answer: "Answer") -> Row:
    from edge.pki.certificate import from_der
    from edge.pki.key import fingerprint as fingerprint_of

    fingerprint = fingerprint_of(from_der(answer.certificate))
    return {
        "name": "",
        "address": answer.address,
        "state": "answers",
        "board": "",
        "version": "",
        "card": _card_text(fingerprint, ""),
        "port": answer.port,
        "addresses": [answer.address],
        "fingerprint": fingerprint,
    }


def _card_text(fingerprint: str, enrolment: str) -> str:
    """Say whether the holder of this key boots from a card that was flashed here."""
    from flasher.record import card_records

    records = card_records()
    if fingerprint and (card := records.find_by_fingerprint(fingerprint)):
        return f"flashed here (card {card.id})"
    if enrolment and (card := records.find_by_enrolment(enrolment)):
        return f"not the key of card {card.id}"
    return "unknown"


def _line(cells: Sequence[str]) -> str:
    return "   ".join(
        cell.ljust(width) for cell, width in zip(cells, (*_WIDTHS, 0), strict=True)
    ).rstrip()
