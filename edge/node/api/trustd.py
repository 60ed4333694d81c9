# SPDX-License-Identifier: Apache-2.0
"""trustd: signs the server certificates of workers that know the machine token.

A control plane serves it; a worker asks it. Signed certificates are for servers only and carry
no organization, so a worker can never call another node.
"""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import grpc

from edge.api import security_pb2, security_pb2_grpc
from edge.errors import NodeError, TrustError
from edge.node.api.guard import Context
from edge.node.api.transport import Credentials, bind, dynamic_credentials
from edge.node.log import logger
from edge.node.machine import Machine
from edge.pki.certificate import KeyPair, sign_csr
from edge.pki.lifetime import SERVER_LIFETIME

PORT = 50001
TIMEOUT_S = 10.0
_log = logger("trustd")


class SecurityService(security_pb2_grpc.SecurityServiceServicer):
    """Signs certificate requests with the cluster's OS certificate authority."""

    def __init__(
        self, machine: Machine, clock: Callable[[], datetime], lifetime: timedelta
    ) -> None:
        self._machine = machine
        self._clock = clock
        self._lifetime = lifetime

    async def Certificate(self, request: security_pb2.CertificateRequest, context: Context) -> Any:
        """Sign one request of a caller with the right token."""
        view = self._machine.active.view if self._machine.active else None
        if view is None or not view.ca_key:
            return await context.abort(grpc.StatusCode.UNAVAILABLE, "not a control plane")
        token = str(dict(context.invocation_metadata() or ()).get("token", ""))
        if not token:
            return await context.abort(grpc.StatusCode.UNAUTHENTICATED, "missing token")
        if not hmac.compare_digest(_digest(token), _digest(view.token)):
            return await context.abort(grpc.StatusCode.UNAUTHENTICATED, "invalid token")
        try:
            certificate = sign_csr(
                KeyPair(certificate=view.ca_cert, key=view.ca_key),
                request.csr,
                now=self._clock(),
                lifetime=self._lifetime,
            )
        except (TrustError, ValueError) as error:
            return await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        _log.info("signed a certificate for %s", context.peer())
        return security_pb2.CertificateResponse(ca=view.trusted_cas, crt=certificate)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class TrustServer:
    """The listening trustd of a control plane."""

    def __init__(
        self,
        machine: Machine,
        fetch: Callable[[], Credentials],
        *,
        clock: Callable[[], datetime],
        lifetime: timedelta = SERVER_LIFETIME,
    ) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        security_pb2_grpc.add_SecurityServiceServicer_to_server(
            SecurityService(machine, clock, lifetime), self._server
        )
        self._credentials = dynamic_credentials(fetch, verify_clients=False)

    async def start(self, address: str) -> None:
        """Bind and serve.

        Raises:
            NodeError: when the port is taken.
        """
        bind(self._server, address, PORT, self._credentials)
        await self._server.start()

    async def stop(self) -> None:
        """Stop serving."""
        await self._server.stop(1.0)


async def request_certificate(host: str, *, csr: bytes, token: str, authorities: bytes) -> bytes:
    """Return the certificate that the control plane at `host` signs for `csr`.

    Raises:
        NodeError: when it cannot be reached or refuses.
    """
    credentials = grpc.ssl_channel_credentials(root_certificates=authorities)
    target = f"[{host}]:{PORT}" if ":" in host else f"{host}:{PORT}"
    options = [("grpc.enable_http_proxy", 0)]
    async with grpc.aio.secure_channel(target, credentials, options) as channel:
        stub: Any = security_pb2_grpc.SecurityServiceStub(channel)
        try:
            answer = await stub.Certificate(
                security_pb2.CertificateRequest(csr=csr),
                metadata=(("token", token),),
                timeout=TIMEOUT_S,
            )
        except grpc.aio.AioRpcError as error:
            raise NodeError(f"trustd at {host}: {error.details()}") from error
    return bytes(answer.crt)
