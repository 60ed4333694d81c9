# SPDX-License-Identifier: Apache-2.0
"""Files about the network that last until the next boot: names for programs, former MTUs."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.config.interface import StaticHost

RESOLV_CONF = Path("/run/edge/resolv.conf")
HOSTS = Path("/run/edge/hosts")
MTUS = Path("/run/edge/mtus.json")
"""What the MTUs of the links were before a configuration said otherwise."""


def write_resolvers(resolvers: Iterable[str], domains: Iterable[str]) -> None:
    """Write who resolves names, and where names are looked for."""
    lines = [f"nameserver {address}" for address in resolvers]
    if search := " ".join(domains):
        lines.append(f"search {search}")
    _publish(RESOLV_CONF, lines)


def write_hosts(hosts: "Iterable[StaticHost]") -> None:
    """Write the names that need no resolver."""
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    lines += [f"{host.address} {' '.join(host.names)}" for host in hosts]
    _publish(HOSTS, lines)


def read_mtus() -> dict[str, int]:
    """Return the former MTUs of links, none if nothing was written."""
    try:
        mtus: dict[str, int] = json.loads(MTUS.read_text())
    except (OSError, ValueError):
        return {}
    return mtus


def write_mtus(mtus: dict[str, int]) -> None:
    """Keep the former MTUs of links."""
    MTUS.parent.mkdir(parents=True, exist_ok=True)
    MTUS.write_text(json.dumps(mtus))


def _publish(path: Path, lines: list[str]) -> None:
    # In one step, because programs read it whenever they look for a name.
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text("".join(f"{line}\n" for line in lines))
    part.replace(path)
