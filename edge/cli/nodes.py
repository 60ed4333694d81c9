# SPDX-License-Identifier: Apache-2.0
"""Which nodes a command is for, how to reach them, and the same work on all of them at once.

Nodes never wait for each other: each has its own deadline, its own rows and its own error.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import click

from edge.cli.exit import ExitCode, exit_code
from edge.cli.options import Targets, given_targets
from edge.cli.output import Row, emit
from edge.errors import ConfigError, EdgeError, NodeError

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from edge.cli.known import Chosen
    from edge.client.client import NodeClient
    from edge.client.trust import Mutual
    from edge.config.talosconfig import Context, TalosConfig
    from edge.provision.contact import Contact

DEADLINE_S = 30.0

T = TypeVar("T")


class NoNodesError(click.ClickException):
    """The command line names no node; one line says what to type."""

    exit_code = ExitCode.USAGE

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click's signature
        """Print the line as other errors are printed."""
        click.echo(f"edgectl: {self.message}", err=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The nodes of a command and how to reach each of them; no `trust` means maintenance mode."""

    nodes: tuple[str, ...]
    """Their addresses."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What the user called some of the addresses."""
    endpoints: tuple[str, ...] = ()
    trust: "Mutual | None" = None
    pins: tuple[str, ...] = ()
    _way: "list[Future[str]]" = field(default_factory=list, repr=False, compare=False)
    """The endpoint that answers, being looked for or found: all nodes go through one."""

    def label(self, node: str) -> str:
        """Return what the user called the node at this address."""
        return self.names.get(node, node)

    @property
    def spelled(self) -> str:
        """Return every node as whoever is asked about them should read it: names and addresses."""
        return ", ".join(
            f"{self.names[node]} ({node})" if node in self.names else node for node in self.nodes
        )

    def open(self, node: str) -> "AbstractAsyncContextManager[NodeClient]":
        """Connect to one of the nodes."""
        return self._configured(node) if self.trust else self._maintenance(node)

    @asynccontextmanager
    async def _configured(self, node: str) -> "AsyncIterator[NodeClient]":
        from edge.client.client import connect

        assert self.trust
        endpoint = await self.endpoint_of(node)
        name = self.label(node)
        try:
            async with connect(name, self.trust, endpoint=endpoint, address=node) as client:
                yield client
        except NodeError:
            # Maybe it is the endpoint that went away, and another one answers by now.
            if endpoint and self._way and self._way[0].done():
                self._way.clear()
            raise

    async def endpoint_of(self, node: str) -> str:
        """Return the node that calls for this one go through, nothing when they go directly."""
        import asyncio

        if not self.endpoints or node in self.endpoints:
            return ""
        if len(self.endpoints) == 1:
            return self.endpoints[0]
        if not self._way or _has_failed(self._way[0]):
            self._way[:] = [asyncio.ensure_future(_choose_endpoint(self.endpoints))]
        # One node that runs out of time must not stop the looking for all.
        return await asyncio.shield(self._way[0])

    @asynccontextmanager
    async def _maintenance(self, node: str) -> "AsyncIterator[NodeClient]":
        from edge.client.client import connect

        contact = await contact_node(node, self.pins)
        async with connect(self.label(node), contact.trust, address=node) as client:
            client.enrolment_secret = contact.secret
            yield client


def choose_access(
    *, insecure: bool = False, pins: Sequence[str] = (), named_only: bool = False
) -> Access:
    """Return the nodes that the command line or the client configuration names.

    With `named_only` and in maintenance mode only the command line counts.

    Raises:
        NoNodesError: when no node is named.
        ConfigError: when the client configuration cannot be used.
    """
    targets = given_targets()
    if pins and not insecure:
        raise click.UsageError("--cert-fingerprint goes with --insecure")
    if insecure:
        chosen = _resolve(_named(targets.nodes or targets.endpoints), None)
        return Access(nodes=tuple(chosen.addresses), names=chosen.names, pins=tuple(pins))
    if named_only:
        _named(targets.nodes)
    config = load_config(targets)
    named = (targets.context or config.current, config.context(targets.context))
    return _configured_access(targets, named)


def _configured_access(targets: Targets, named: "tuple[str, Context]") -> Access:
    context = named[1]
    through = tuple(_resolve(targets.endpoints, named).addresses)
    if targets.nodes:
        chosen = _resolve(targets.nodes, named)
    else:
        # A group counts only where somebody typed it.
        words = _named(context.nodes or targets.endpoints or context.endpoints)
        chosen = _resolve(words, named, groups=bool(targets.endpoints and not context.nodes))
    return Access(
        nodes=tuple(chosen.addresses),
        names=chosen.names,
        endpoints=through,
        trust=_mutual(context),
    )


def _resolve(
    words: Sequence[str], context: "tuple[str, Context] | None", *, groups: bool = True
) -> "Chosen":
    from edge.cli.known import resolve

    return resolve(words, context, groups=groups)


def has_targets() -> bool:
    """Say whether the command line or a client configuration could name nodes."""
    targets = given_targets()
    return bool(targets.nodes or targets.endpoints) or config_path(targets).exists()


def config_path(targets: Targets) -> "Path":
    """Return where the client configuration is, or would be."""
    from edge.config.talosconfig import find_talosconfig

    return find_talosconfig(targets.talosconfig)


def load_config(targets: Targets) -> "TalosConfig":
    """Return the client configuration.

    Raises:
        ConfigError: when there is none, or it cannot be read.
    """
    from edge.config.talosconfig import load_talosconfig

    path = config_path(targets)
    if not path.exists():
        raise ConfigError(
            f"there is no client configuration at {path}",
            hint="`edgectl gen config` makes one; --talosconfig FILE names it;"
            " nodes in maintenance mode want --insecure",
        )
    return load_talosconfig(path)


def load_context(targets: Targets) -> "Context":
    """Return the chosen context of the client configuration.

    Raises:
        ConfigError: when there is none.
    """
    return load_config(targets).context(targets.context)


async def contact_node(node: str, pins: Sequence[str]) -> "Contact":
    """Make first contact with a node in maintenance mode; say so when it is a stranger's."""
    from edge.provision.contact import make_contact
    from flasher.record import card_records

    contact = await make_contact(node, card_records(), pins=pins, blind=True)
    if contact.card is None and not pins:
        click.echo(
            f"note: nobody proved who {node} is: its card was not flashed from here and no"
            f" --cert-fingerprint was given\n"
            f"      it shows {contact.fingerprint}; compare with its console",
            err=True,
        )
    return contact


@dataclass(slots=True)
class Results(Generic[T]):
    """What came back from the nodes that answered, and the errors of the others."""

    found: list[tuple[str, T]] = field(default_factory=list)
    errors: list[EdgeError] = field(default_factory=list)

    def emit(self, rows: Iterable[Row], *, columns: Sequence[str], output: str) -> None:
        """Print what came back as `rows`; where no node answered, no table of bare headings."""
        if self.found or output != "table":
            emit(rows, columns=columns, output=output)

    def finish(self) -> None:
        """End the command with the code of its errors, if there are any."""
        for hint in dict.fromkeys(error.hint for error in self.errors if error.hint):
            click.echo(f"  hint: {hint}", err=True)
        if self.errors:
            codes = {exit_code(error) for error in self.errors}
            raise click.exceptions.Exit(codes.pop() if len(codes) == 1 else ExitCode.FAILED)


def on_clients(
    access: Access,
    action: "Callable[[NodeClient], Awaitable[T]]",
    *,
    deadline_s: float | None = DEADLINE_S,
) -> Results[T]:
    """Run `action` with a client of every node, printing the errors of each.

    Raises:
        EdgeError: what happened, when there is only one node.
    """
    import asyncio

    return asyncio.run(_on_clients(access, action, deadline_s))


async def _on_clients(
    access: Access, action: "Callable[[NodeClient], Awaitable[T]]", deadline_s: float | None
) -> Results[T]:
    from edge.client.fleet import Fleet

    results: Results[T] = Results()
    found: dict[str, T] = {}
    async with Fleet(access.nodes, access.open, keep=False) as fleet:
        async for each in fleet.stream(action, deadline_s=deadline_s):
            if each.error is None:
                found[each.node] = each.result()
            elif len(access.nodes) == 1:
                raise each.error
            else:
                results.errors.append(each.error)
                _print_error(access.label(each.node), each.error)
    results.found = [(access.label(node), found[node]) for node in access.nodes if node in found]
    return results


def on_nodes(
    nodes: Sequence[str],
    action: "Callable[[str], Awaitable[T]]",
    *,
    deadline_s: float | None = DEADLINE_S,
) -> Results[T]:
    """Run `action` on all nodes at once, printing the errors of each.

    Raises:
        EdgeError: what happened, when there is only one node.
    """
    import asyncio

    return asyncio.run(_on_nodes(nodes, action, deadline_s))


async def _on_nodes(
    nodes: Sequence[str], action: "Callable[[str], Awaitable[T]]", deadline_s: float | None
) -> Results[T]:
    import asyncio

    results: Results[T] = Results()

    async def attempt(node: str) -> tuple[str, T] | None:
        try:
            return node, await _limited(node, action, deadline_s)
        except EdgeError as error:
            if len(nodes) == 1:
                raise
            results.errors.append(error)
            _print_error(node, error)
            return None

    done = await asyncio.gather(*(attempt(node) for node in nodes))
    results.found = [each for each in done if each]
    return results


async def _limited(
    node: str, action: "Callable[[str], Awaitable[T]]", deadline_s: float | None
) -> T:
    import asyncio

    try:
        async with asyncio.timeout(deadline_s):
            return await action(node)
    except TimeoutError as error:
        raise NodeError(f"{node} did not answer within {deadline_s or 0:.0f} s") from error


def say_gap(error: EdgeError) -> None:
    """Tell that a follower waits for a node that went away."""
    click.echo(f"edgectl: {error.message}; waiting for it", err=True)


def _print_error(node: str, error: EdgeError) -> None:
    text = error.message if node in error.message else f"{node}: {error.message}"
    faults = error.faults if isinstance(error, ConfigError) else ()
    from edge.cli.output import inert

    click.echo(f"edgectl: {inert('; '.join((text, *faults)), lines=True)}", err=True)


def _has_failed(way: "Future[str]") -> bool:
    return way.done() and (way.cancelled() or way.exception() is not None)


async def _choose_endpoint(endpoints: Sequence[str]) -> str:
    from edge.client.channel import is_listening

    for endpoint in endpoints:
        if await is_listening(endpoint):
            return endpoint
    raise NodeError(f"none of the endpoints answers: {', '.join(endpoints)}")


def _named(nodes: tuple[str, ...]) -> tuple[str, ...]:
    if not nodes:
        raise NoNodesError("no node is named: add -n ADDRESS; `edgectl discover` shows addresses")
    return tuple(dict.fromkeys(nodes))


def _mutual(context: "Context") -> "Mutual":
    from edge.client.trust import Mutual

    return Mutual(ca=context.ca, crt=context.crt, key=context.key)
