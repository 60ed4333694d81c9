# SPDX-License-Identifier: Apache-2.0
"""Client certificates that a control plane issues to administrators."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from edge.api import machine_pb2
from edge.client.call import NodeCalls
from edge.errors import NodeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new client certificate: authorities, certificate and key as PEM, and the file for them."""

    ca: bytes
    crt: bytes
    key: bytes = field(repr=False)
    talosconfig: str = field(repr=False)


class IdentityCalls(NodeCalls):
    """Asks for certificates."""

    async def issue_client(self, roles: Sequence[str], *, lifetime: timedelta) -> Issued:
        """Have the node issue a client certificate for `roles`.

        Raises:
            ConfigError: when there is no such role, or the lifetime cannot be had.
            NodeError: when the node is no control plane.
        """
        ttl = Duration()
        ttl.FromTimedelta(lifetime)
        request = machine_pb2.GenerateClientConfigurationRequest(roles=roles, crt_ttl=ttl)
        answer = await self._call(self._machine.GenerateClientConfiguration, request)
        if not answer.messages:
            raise NodeError(f"{self.node} answered without a certificate")
        made = answer.messages[0]
        return Issued(ca=made.ca, crt=made.crt, key=made.key, talosconfig=made.talosconfig.decode())
