# SPDX-License-Identifier: Apache-2.0
"""A console server on loopback that says what a test wants, goes away, and comes back."""

import contextlib
import socket
import threading
from types import TracebackType


class ConsoleServer:
    """Serves one client at a time at the same port; a new client first hears `greeting`."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._change = threading.Condition()
        self._place = ("127.0.0.1", 0)
        self.come_back()

    def __enter__(self) -> "ConsoleServer":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.go_away()

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"socket://127.0.0.1:{self._place[1]}"

    def come_back(self) -> None:
        """Take clients."""
        self._listener = socket.create_server(self._place)
        self._place = self._listener.getsockname()
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def go_away(self) -> None:
        """Hang up on the client and take no other."""
        with self._change:
            for each in (self._listener, self._client):
                if each:
                    # A closed socket alone would not wake up who waits for it.
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                    each.close()
            self._listener = self._client = None

    def say(self, data: bytes) -> None:
        """Print `data` to the client, once there is one."""
        with self._change:
            assert self._change.wait_for(lambda: self._client, timeout=60), "nobody listens"
            assert self._client
            self._client.sendall(data)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            with self._change:
                client.sendall(self.greeting)
                self._client = client
                self._change.notify_all()
