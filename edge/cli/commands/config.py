# SPDX-License-Identifier: Apache-2.0
"""`edgectl config`: the client configuration: contexts, endpoints, nodes."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.commands.config_info import info
from edge.cli.commands.config_new import new
from edge.cli.confirm import confirm
from edge.cli.nodes import config_path, load_config
from edge.cli.options import NodeCommand, given_targets
from edge.cli.output import emit, output_option
from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.config.talosconfig import Context, TalosConfig
    from edge.pki.certificate import KeyPair

_ALIASES = {
    "endpoints": "endpoint",
    "get-contexts": "contexts",
    "nodes": "node",
    "use-context": "context",
}


class ConfigGroup(click.Group):
    """The commands under their names and under upstream's other ones."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name."""
        return super().get_command(ctx, _ALIASES.get(cmd_name, cmd_name))


@click.group(cls=ConfigGroup)
def command() -> None:
    """Show and change the client configuration."""


command.add_command(info)
command.add_command(new)


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
@click.option("--ca", type=click.Path(path_type=Path), help="Certificate of the authority.")
@click.option("--crt", type=click.Path(path_type=Path), help="Certificate of the client.")
@click.option("--key", type=click.Path(path_type=Path), help="Private key of the client.")
@click.option("-f", "--force", is_flag=True, help="Replace a context of this name.")
def add(name: str, *, ca: Path | None, crt: Path | None, key: Path | None, force: bool) -> None:
    """Add the context NAME, with the certificates in these files."""
    if (crt is None) is not (key is None):
        raise click.UsageError("--crt and --key go together")
    config = _load_or_none()
    if name in config.contexts and not force:
        raise ConfigError(
            f"there is a context {name!r} already", hint="--force replaces it, keeping its nodes"
        )
    former = config.contexts.get(name) or _empty()
    pair = _read_pair(crt, key)
    added = replace(former, ca=_certificate(ca), crt=pair.certificate, key=pair.key)
    # The first one is the one to use.
    current = config.current if config.current in config.contexts else name
    _save(replace(config, current=current, contexts={**config.contexts, name: added}))
    click.echo(f"{config_path(given_targets())}: context {name} added", err=True)


@command.command(cls=NodeCommand)
@click.argument("pattern")
@click.option("-y", "--yes", "--noconfirm", "yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def remove(pattern: str, *, yes: bool, dry_run: bool) -> None:
    """Delete the contexts whose names match PATTERN, such as lab or lab-*."""
    config = _load()
    matched = [name for name in config.contexts if fnmatchcase(name, pattern)]
    if not matched:
        config.context(pattern)  # says which there are
    if pattern == config.current or matched == [config.current]:
        raise ConfigError(
            f"{config.current} is the current context",
            hint="select another: edgectl config context NAME",
        )
    chosen = [name for name in matched if name != config.current]
    if len(chosen) < len(matched):
        click.echo(f"{config.current} stays: it is the current context", err=True)
    if dry_run:
        click.echo(f"would remove {', '.join(chosen)}", err=True)
        return
    confirm(f"Remove {', '.join(chosen)}?", yes=yes)
    left = {each: value for each, value in config.contexts.items() if each not in chosen}
    _save(replace(config, contexts=left))
    click.echo(f"removed {', '.join(chosen)}", err=True)


@command.command(cls=NodeCommand)
@click.argument("file", type=click.Path(path_type=Path))
def merge(file: Path) -> None:
    """Add the contexts of FILE and select its current one."""
    from edge.config.talosconfig import load_talosconfig

    added = load_talosconfig(file)
    path = config_path(given_targets())
    before = _load_or_none()
    merged = before.merge(added)
    _save(merged)
    for name, each in added.contexts.items():
        if merged.contexts.get(name) != each:
            renamed = next(new for new, value in merged.contexts.items() if value == each)
            click.echo(f"{name} is called {renamed} here: the name was taken", err=True)
    click.echo(f"{path}: context {merged.current}", err=True)


def _change(**lists: Sequence[str]) -> None:
    config = _load()
    name = given_targets().context or config.current
    changes: dict[str, Any] = {key: _split(values) for key, values in lists.items()}
    changed = replace(config.context(name), **changes)
    _save(replace(config, contexts={**config.contexts, name: changed}))


def _split(values: Sequence[str]) -> tuple[str, ...]:
    parts = (part.strip() for value in values for part in value.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _certificate(path: Path | None) -> bytes:
    from edge.pki.certificate import split_bundle
    from edge.text import read_given

    if path is None:
        return b""
    pem = read_given(path).encode()
    split_bundle(pem)
    return pem


def _read_pair(crt: Path | None, key: Path | None) -> "KeyPair":
    from edge.pki.certificate import KeyPair, belongs
    from edge.text import read_given

    if crt is None or key is None:
        return KeyPair(certificate=b"", key=b"")
    pair = KeyPair(certificate=_certificate(crt), key=read_given(key).encode())
    if not belongs(pair):
        raise ConfigError(
            f"{key} does not belong to {crt}", hint="name the key that the certificate is about"
        )
    return pair


def _empty() -> "Context":
    from edge.config.talosconfig import Context

    return Context()


def _load() -> "TalosConfig":
    return load_config(given_targets())


def _load_or_none() -> "TalosConfig":
    """Return the client configuration, an empty one where there is no file yet."""
    from edge.config.talosconfig import TalosConfig, load_talosconfig

    path = config_path(given_targets())
    return load_talosconfig(path) if path.exists() else TalosConfig()


def _save(config: "TalosConfig") -> None:
    from edge.config.talosconfig import change_talosconfig

    change_talosconfig(config, config_path(given_targets()))
