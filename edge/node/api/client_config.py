# SPDX-License-Identifier: Apache-2.0
"""Client certificates on demand: an administrator has a control plane issue them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from edge.api import machine_pb2
from edge.errors import ConfigError, NodeError
from edge.node.api.guard import Context
from edge.node.log import logger
from edge.node.machine import Machine
from edge.pki.role import Role

if TYPE_CHECKING:
    from edge.config.view import NodeView
    from edge.pki.certificate import KeyPair

LONGEST_S = 1_000_000_000
_log = logger("apid")


class ClientConfigCalls:
    """The part of MachineService that makes client configurations."""

    machine: Machine

    async def GenerateClientConfiguration(
        self, request: machine_pb2.GenerateClientConfigurationRequest, _context: Context
    ) -> machine_pb2.GenerateClientConfigurationResponse:
        """Issue a certificate for the roles asked for, and a client configuration around it."""
        view = self.machine.active.view if self.machine.active else None
        if view is None or not view.ca_key:
            raise NodeError("only a control plane can issue client certificates")
        roles = _roles(request.roles)
        pair = _issue(view, roles, _lifetime(request.crt_ttl))
        _log.info("issued a client certificate for %s", ", ".join(roles))
        message = machine_pb2.GenerateClientConfiguration(
            ca=view.trusted_cas,
            crt=pair.certificate,
            key=pair.key,
            talosconfig=_client_file(view, roles, pair),
        )
        return machine_pb2.GenerateClientConfigurationResponse(messages=[message])


def _lifetime(given: Duration) -> timedelta:
    # A message may hold more than a time can: it is too long in any case.
    whole = min(max(given.seconds, -1), LONGEST_S)
    return timedelta(seconds=whole, microseconds=given.nanos // 1000)


def _roles(names: Sequence[str]) -> tuple[str, ...]:
    known = {str(role) for role in Role}
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(
            f"{', '.join(unknown)}: no such role; there are {', '.join(sorted(known))}"
        )
    if not names:
        raise ConfigError("no role is named: the certificate would open nothing")
    return tuple(dict.fromkeys(names))


def _issue(view: "NodeView", roles: Sequence[str], lifetime: timedelta) -> "KeyPair":
    # Only control planes do, and what signs takes long to load.
    from edge.pki.certificate import KeyPair, inspect, issue_client

    now = datetime.now(UTC)
    if lifetime <= timedelta(0):
        raise ConfigError("crt_ttl must be greater than zero")
    if lifetime > inspect(view.ca_cert).not_after - now:
        raise ConfigError("crt_ttl is longer than the authority itself is good for")
    authority = KeyPair(certificate=view.ca_cert, key=view.ca_key)
    return issue_client(authority, roles, now=now, lifetime=lifetime)


def _client_file(view: "NodeView", roles: Sequence[str], pair: "KeyPair") -> Any:
    # The models take a board seconds to load.
    from edge.config import talosconfig

    context = talosconfig.Context(ca=view.trusted_cas, crt=pair.certificate, key=pair.key)
    name = view.cluster_name or "default"
    if len(roles) == 1:
        name = f"{roles[0]}@{name}"
    made = talosconfig.TalosConfig(current=name, contexts={name: context})
    return talosconfig.dump_talosconfig(made).encode()
