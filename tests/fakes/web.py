# SPDX-License-Identifier: Apache-2.0
"""A web server on loopback with all the faults that servers and lines between have."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server has, how it behaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    etag: str = '"one"'
    modified: str = ""
    drops: list[int] = field(default_factory=list)
    """After how many bytes of the next answers the connection breaks."""
    statuses: list[int] = field(default_factory=list)
    """What the next answers are instead."""
    ignores_range: bool = False
    hides_length: bool = False
    requests: list[dict[str, str]] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving() -> Iterator[Site]:
    """Give a site that is served for as long as the block runs."""
    site = Site()

    class Handler(_Handler):
        pass

    Handler.site = site
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        site, path = self.site, self.path.split("?")[0]
        site.requests.append({"path": self.path, **dict(self.headers.items())})
        self.close_connection = True
        if site.statuses:
            self._answer(site.statuses.pop(0), {}, b"")
        elif path in site.redirects:
            self._answer(302, {"Location": site.redirects[path]}, b"")
        elif path not in site.files:
            self._answer(404, {}, b"")
        else:
            self._send(site.files[path])

    def _send(self, data: bytes) -> None:
        site, tags = self.site, {}
        if site.etag:
            tags["ETag"] = site.etag
        if site.modified:
            tags["Last-Modified"] = site.modified
        if site.etag and self.headers.get("If-None-Match") == site.etag:
            self._answer(304, tags, b"")
            return
        start = self._start()
        if start is None:
            self._answer(200, tags, data)
        elif start >= len(data):
            self._answer(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
        else:
            span = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._answer(206, {**tags, "Content-Range": span}, data[start:])

    def _start(self) -> int | None:
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range") in {None, self.site.etag, self.site.modified}
        if wanted is None or self.site.ignores_range or not same:
            return None
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not self.site.hides_length:
            self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        if data and self.site.drops:
            data = data[: self.site.drops.pop(0)]
        self.wfile.write(data)
