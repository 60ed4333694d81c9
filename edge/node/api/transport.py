# SPDX-License-Identifier: Apache-2.0
"""TLS for servers whose certificate is renewed while they run."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from edge.errors import NodeError, TrustError

SETTLE_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """PEM key and certificate to serve with; `client_cas` are the authorities of clients."""

    key: bytes = field(repr=False)
    certificate: bytes
    client_cas: bytes = b""


def bind(
    server: grpc.aio.Server, address: str, port: int, credentials: grpc.ServerCredentials
) -> None:
    """Have `server` listen on one address and port.

    Raises:
        NodeError: when the port is taken.
    """
    host = f"[{address}]" if ":" in address else address
    try:
        bound = server.add_secure_port(f"{host}:{port}", credentials)
    except RuntimeError as error:
        raise NodeError(f"cannot listen on {host}:{port}: {error}") from error
    if bound != port:
        raise NodeError(f"cannot listen on {host}:{port}")


def dynamic_credentials(
    fetch: Callable[[], Credentials], *, verify_clients: bool
) -> grpc.ServerCredentials:
    """Return credentials that ask `fetch` for every new connection whether there are others.

    Raises:
        TrustError: when clients are to be verified and there is no authority to do it by.
    """
    served: Credentials | None = None

    def configuration() -> Any:
        nonlocal served
        current = fetch()
        if current is served:
            # Not the same ones again: what the library replaces it frees at once, and with it
            # the process ends when another connection is just beginning by it.
            return None
        if verify_clients and not current.client_cas:
            raise TrustError("there is no authority to verify clients by")
        if served:
            # This is a thread of the library's, and connections that begin now wait for it:
            # those that have begun are past the moment when they need what is replaced.
            time.sleep(SETTLE_S)
        served = current
        return grpc.ssl_server_certificate_configuration(
            [(current.key, current.certificate)], current.client_cas if verify_clients else None
        )

    return grpc.dynamic_ssl_server_credentials(
        configuration(), configuration, require_client_authentication=verify_clients
    )
