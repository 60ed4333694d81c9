# SPDX-License-Identifier: Apache-2.0
"""`edgectl config`: the client configuration: contexts, endpoints, nodes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import config_path, load_config, load_context
from edge.cli.options import NodeCommand, given_targets
from edge.cli.output import as_yaml, emit, output_option
from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.config.talosconfig import Context, TalosConfig


@click.group()
def command() -> None:
    """Show and change the client configuration."""


@command.command(cls=NodeCommand)
@output_option()
def contexts(output: str) -> None:
    """List the contexts."""
    config = _load()
    rows = [
        {
            "current": "*" if name == config.current else "",
            "name": name,
            "endpoints": list(context.endpoints),
            "nodes": list(context.nodes),
        }
        for name, context in config.contexts.items()
    ]
    emit(rows, columns=("current", "name", "endpoints", "nodes"), output=output)


@command.command(cls=NodeCommand)
@click.argument("name")
def context(name: str) -> None:
    """Make NAME the current context."""
    config = _load()
    config.context(name)
    _save(replace(config, current=name))


@command.command("endpoint", cls=NodeCommand)
@click.argument("addresses", nargs=-1, metavar="[ADDRESS...]")
def endpoint(addresses: tuple[str, ...]) -> None:
    """Set the endpoints of the context."""
    _change(endpoints=addresses)


@command.command("node", cls=NodeCommand)
@click.argument("addresses", nargs=-1, metavar="[ADDRESS...]")
def node(addresses: tuple[str, ...]) -> None:
    """Set the nodes that commands are for when no -n is given."""
    _change(nodes=addresses)


@command.command(cls=NodeCommand)
@click.argument("name")
def remove(name: str) -> None:
    """Delete the context NAME."""
    config = _load()
    config.context(name)
    if name == config.current:
        raise ConfigError(
            f"{name} is the current context", hint="select another: edgectl config context NAME"
        )
    left = {each: value for each, value in config.contexts.items() if each != name}
    _save(replace(config, contexts=left))


@command.command(cls=NodeCommand)
@click.argument("file", type=click.Path(path_type=Path))
def merge(file: Path) -> None:
    """Add the contexts of FILE and select its current one."""
    from edge.config.talosconfig import TalosConfig, load_talosconfig

    added = load_talosconfig(file)
    path = config_path(given_targets())
    before = load_talosconfig(path) if path.exists() else TalosConfig()
    merged = before.merge(added)
    _save(merged)
    click.echo(f"{path}: context {merged.current}", err=True)


@command.command(cls=NodeCommand)
@output_option("text", "yaml", "json")
def info(output: str) -> None:
    """Show the context, its nodes, and the certificate in it."""
    import json

    facts = _facts(given_targets().context or _load().current, load_context(given_targets()))
    if output == "json":
        click.echo(json.dumps(facts, indent=2))
    elif output == "yaml":
        click.echo(as_yaml(facts), nl=False)
    else:
        for name, value in facts.items():
            text = ", ".join(value) if isinstance(value, list) else value
            click.echo(f"{name.replace('_', ' ').capitalize() + ':':<14}{text or 'none'}")


def _facts(name: str, chosen: "Context") -> dict[str, Any]:
    from edge.pki.certificate import inspect
    from edge.pki.key import fingerprint

    facts: dict[str, Any] = {
        "context": name,
        "nodes": list(chosen.nodes),
        "endpoints": list(chosen.endpoints),
    }
    if not chosen.crt:
        return facts
    certificate = inspect(chosen.crt)
    return facts | {
        "roles": list(certificate.organizations),
        "expires": certificate.not_after.isoformat(),
        "fingerprint": fingerprint(chosen.crt),
    }


def _change(**lists: Sequence[str]) -> None:
    config = _load()
    name = given_targets().context or config.current
    changes: dict[str, Any] = {key: _split(values) for key, values in lists.items()}
    changed = replace(config.context(name), **changes)
    _save(replace(config, contexts={**config.contexts, name: changed}))


def _split(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for value in values for part in value.split(",") if part)


def _load() -> "TalosConfig":
    return load_config(given_targets())


def _save(config: "TalosConfig") -> None:
    from edge.config.talosconfig import save_talosconfig

    save_talosconfig(config, config_path(given_targets()))
