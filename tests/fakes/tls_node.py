# SPDX-License-Identifier: Apache-2.0
"""A node whose TLS is OpenSSL's, so that its key may be of any kind: what real Talos is to us."""

import asyncio
import select
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc

from edge.api import common_pb2, machine_pb2, machine_pb2_grpc
from edge.client.trust import Mutual
from edge.pki.certificate import (
    KeyPair,
    issue_client,
    issue_server,
    new_ca,
    self_signed_server,
)
from edge.pki.key import Algorithm, load_public, new_labelled_key, openssl_key

NOW = datetime.now(UTC)
CHUNK = (b"-" * 63 + b"\n") * 1024


class Authority:
    """A cluster's authority, and whom it vouches for."""

    def __init__(self, algorithm: Algorithm = "ed25519") -> None:
        self.pair = new_ca("talos", now=NOW - timedelta(days=10), algorithm=algorithm)

    def client(self, algorithm: Algorithm = "ed25519", *, days: int = 1) -> Mutual:
        """Return an administrator whose key is of this kind."""
        if algorithm == "ed25519":
            pair = ed25519_client(self.pair, days=days)
        else:
            start = NOW - timedelta(days=5)
            pair = issue_client(
                self.pair, ["os:admin"], now=start, lifetime=timedelta(days=5 + days)
            )
        return Mutual(ca=self.pair.certificate, crt=pair.certificate, key=pair.key)

    def server(
        self, algorithm: Algorithm = "ed25519", *, days: int = 1, address: str = "127.0.0.1"
    ) -> KeyPair:
        """Return a server's certificate and key; negative `days` make one that has expired."""
        key = new_labelled_key(algorithm)
        certificate = issue_server(
            self.pair,
            key,
            common_name="node",
            addresses=[ip_address(address)],
            now=NOW - timedelta(days=5),
            lifetime=timedelta(days=5 + days),
        )
        return KeyPair(certificate=certificate, key=key)


def ed25519_client(ca: KeyPair, *, days: int = 1) -> KeyPair:
    """Return a client with an Ed25519 key, as upstream makes them."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    from edge.pki.key import load_key

    key = new_labelled_key("ed25519")
    issuer = x509.load_pem_x509_certificate(ca.certificate)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "os:admin")]))
        .issuer_name(issuer.subject)
        .public_key(load_public(key))
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    signer: Any = load_key(ca.key)
    certificate = builder.sign(signer, None).public_bytes(Encoding.PEM)
    return KeyPair(certificate=certificate, key=key)


def stranger(algorithm: Algorithm = "ed25519") -> KeyPair:
    """Return the self-signed certificate of a node in maintenance."""
    key = new_labelled_key(algorithm)
    certificate = self_signed_server(
        key,
        common_name="maintenance-service.talos.dev",
        dns_names=["maintenance-service.talos.dev"],
        now=NOW,
    )
    return KeyPair(certificate=certificate, key=key)


class Machine(machine_pb2_grpc.MachineServiceServicer):
    """Says its version, and streams as much as is wanted of it."""

    def __init__(self) -> None:
        self.sent = 0
        self.streams = 0

    async def Version(self, request: Any, context: Any) -> machine_pb2.VersionResponse:
        version = machine_pb2.VersionInfo(tag="v1.13.0", arch="arm64")
        return machine_pb2.VersionResponse(messages=[machine_pb2.Version(version=version)])

    async def Dmesg(self, request: Any, context: Any) -> AsyncIterator[common_pb2.Data]:
        """Stream without end while following, else 8 MiB."""
        self.streams += 1
        try:
            while request.follow or self.sent < 8 << 20:
                yield common_pb2.Data(bytes=CHUNK)
                self.sent += len(CHUNK)
        finally:
            self.streams -= 1

    async def Events(self, request: Any, context: Any) -> AsyncIterator[machine_pb2.Event]:
        """Tell one event, then nothing more."""
        yield machine_pb2.Event(id="1")
        await asyncio.Event().wait()

    async def ApplyConfiguration(self, request_iterator: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{len(request_iterator.data)} bytes")


class TlsNode:
    """A gRPC server behind a listener that ends TLS, with threads of its own.

    Not asyncio's TLS, which says nothing to a client whose certificate it refuses.
    """

    def __init__(self, folder: Path) -> None:
        self.machine = Machine()
        self.connections = 0
        self.port = 0
        self._folder = folder
        self._starts = 0
        self._identity = folder / "identity.pem"
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def endpoint(self) -> str:
        """Return where it listens."""
        return f"127.0.0.1:{self.port}"

    async def start(self, shown: KeyPair, clients: bytes = b"", *, port: int = 0) -> None:
        """Listen, showing a certificate; with `clients`, their authority, they show one too."""
        self._starts += 1
        self._inner = str(self._folder / f"inner-{self._starts}")
        self._server = grpc.aio.server()
        machine_pb2_grpc.add_MachineServiceServicer_to_server(self.machine, self._server)
        self._server.add_insecure_port(f"unix:{self._inner}")
        await self._server.start()
        context = self._context(shown, clients)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._begin(self._listen, self._listener, context)

    async def stop(self) -> None:
        """Go away."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self.drop()
        await self._server.stop(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._threads.clear()

    def drop(self) -> None:
        """End every connection, as a cut cable does."""
        for each in list(self._open):
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    def _context(self, shown: KeyPair, clients: bytes) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2"])
        self._identity.write_bytes(shown.certificate + openssl_key(shown.key))
        context.load_cert_chain(self._identity)
        if clients:
            context.load_verify_locations(cadata=clients.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _begin(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        with listener, suppress(OSError):
            while True:
                self._begin(self._serve, listener.accept()[0], context)

    def _serve(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        self._open.add(plain)
        # Whoever connects and says nothing must not hold up the end of a test.
        plain.settimeout(10)
        with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as far:
            self.connections += 1
            far.settimeout(None)
            with socket.socket(socket.AF_UNIX) as near:
                near.connect(self._inner)
                self._open |= {far, near}
                try:
                    _join(far, near)
                finally:
                    self._open -= {far, near}
        self._open.discard(plain)


def _join(far: ssl.SSLSocket, near: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([far, near], [], [])
        for one, other in ((far, near), (near, far)):
            if one in ready:
                data = one.recv(1 << 16)
                while data and one is far and far.pending():
                    data += far.recv(1 << 16)
                if not data:
                    return
                other.sendall(data)


@asynccontextmanager
async def tls_node(folder: Path, shown: KeyPair, clients: bytes = b"") -> AsyncIterator[TlsNode]:
    """Give a running node."""
    node = TlsNode(folder)
    await node.start(shown, clients)
    try:
        yield node
    finally:
        await node.stop()
