# SPDX-License-Identifier: Apache-2.0
"""`edgectl version`: what runs here and on nodes."""

import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from edge import __version__
from edge.cli.nodes import choose_access, has_targets, on_clients
from edge.cli.options import NodeCommand, insecure_options
from edge.cli.output import as_yaml, output_option

if TYPE_CHECKING:
    from edge.client.client import NodeClient
    from edge.client.model import NodeVersion

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@click.command(cls=NodeCommand)
@click.option("--client", "client_only", is_flag=True, help="Show edgectl's own version only.")
@click.option("--short", is_flag=True, help="One line each.")
@output_option("text", "json", "yaml")
@insecure_options
def command(
    *, client_only: bool, short: bool, output: str, insecure: bool, pins: tuple[str, ...]
) -> None:
    """Show the version of edgectl and of nodes."""
    if output == "text":
        _print("Client", _client(), short=short)
    if client_only or not has_targets():
        _print_data({"client": _client()}, output)
        return
    results = on_clients(choose_access(insecure=insecure, pins=pins), _ask)
    servers = [_server(node, version) for node, version in results.found]
    if output == "text":
        for server in servers:
            _print("Server", server, short=short)
    _print_data({"client": _client(), "servers": servers}, output)
    results.finish()


async def _ask(client: "NodeClient") -> "NodeVersion":
    return await client.version()


def _client() -> dict[str, str]:
    machine = platform.machine()
    arch = _ARCHITECTURES.get(machine, machine)
    return {"tag": f"v{__version__}", "os_arch": f"{platform.system().lower()}/{arch}"}


def _server(node: str, version: "NodeVersion") -> dict[str, str]:
    return {
        "node": node,
        "tag": version.tag,
        "built": version.built,
        "os_arch": f"linux/{version.arch}",
        "platform": f"{version.platform} ({version.mode})",
    }


def _print(title: str, facts: Mapping[str, str], *, short: bool) -> None:
    if short:
        node = f" {facts['node']}" if "node" in facts else ""
        click.echo(f"{title}{node} {facts['tag']}")
        return
    click.echo(f"{title}:")
    names = {"os_arch": "OS/Arch"}
    for key, value in facts.items():
        name = names.get(key, key.upper() if key == "node" else key.capitalize())
        click.echo(f"    {name + ':':<12} {value}")


def _print_data(data: Mapping[str, Any], output: str) -> None:
    import json

    if output == "json":
        click.echo(json.dumps(data, indent=2))
    elif output == "yaml":
        click.echo(as_yaml(data), nl=False)
