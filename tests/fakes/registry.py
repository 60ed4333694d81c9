# SPDX-License-Identifier: Apache-2.0
"""A container registry on loopback that can stop in the middle of a blob until it is let go on."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.oci import OciImage

_PATIENCE_S = 60.0
_TLS_HANDSHAKE = b"\x16"


@dataclass
class Registry:
    """What the registry has, and what it was asked for."""

    address: str = ""
    images: dict[str, OciImage] = field(default_factory=dict)
    """By repository and tag, as in `edge/tool:1`."""
    held: dict[str, threading.Event] = field(default_factory=dict)
    """Blobs of which only one half is sent before the event."""
    asked: list[str] = field(default_factory=list)

    def add(self, name: str, image: OciImage) -> str:
        """Have an image and return what it is called from outside."""
        self.images[name] = image
        return f"{self.address}/{name}"

    def hold(self, digest: str) -> threading.Event:
        """Stop in the middle of a blob until the event."""
        return self.held.setdefault(digest, threading.Event())

    def find(self, path: str) -> tuple[str, bytes] | None:
        """Return type and content of what is at a path of the protocol."""
        repository, _, rest = path.removeprefix("/v2/").rpartition("/")
        repository, _, kind = repository.rpartition("/")
        known = [each for name, each in self.images.items() if name.split(":")[0] == repository]
        if kind == "blobs":
            return next((("", each.blobs[rest]) for each in known if rest in each.blobs), None)
        image = self.images.get(f"{repository}:{rest}")
        digest = image.digest if image else rest
        image = image or next((each for each in known if digest in each.blobs), None)
        return (image.media_type(digest), image.blobs[digest]) if image else None


@contextmanager
def serving() -> Iterator[Registry]:
    """Give an empty registry that is served for as long as the block runs."""
    registry = Registry()

    class Handler(_Handler):
        pass

    Handler.registry = registry
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield registry
    finally:
        for event in registry.held.values():
            event.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    registry: Registry
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        """Answer; whoever begins with TLS is told to do without, in words that it knows."""
        if self.connection.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:
            self.wfile.write(b"HTTP/1.0 400 Bad Request\r\n\r\nno TLS here\n")
            return
        super().handle()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.split("?")[0]
        self.registry.asked.append(f"{self.command} {path}")
        found = self.registry.find(path)
        media_type, body = found or ("application/json", b"{}")
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", media_type or "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self._send(body, self.registry.held.get(path.rpartition("/")[2]))

    def _send(self, body: bytes, gate: threading.Event | None) -> None:
        half = len(body) // 2 if gate else 0
        try:
            self.wfile.write(body[:half])
            self.wfile.flush()
            if gate:
                gate.wait(_PATIENCE_S)
            self.wfile.write(body[half:])
        except OSError:
            # Whoever asked for it has gone, as some tests want.
            self.close_connection = True
