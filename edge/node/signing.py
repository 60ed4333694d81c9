# SPDX-License-Identifier: Apache-2.0
"""The process that makes the node's key and the certificate which that signs for itself.

Loading the library for it takes a board about as long as everything else that comes before
maintenance, so this happens at the same time, beside machined. Loads next to nothing before it
forks: the earlier the better.
"""

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn

from edge.errors import TrustError

NICENESS = 10
"""machined has more to load, and goes first where there are few processors."""
ANSWER_S = 60.0
"""How long an order may take, on the slowest board and with the library to be loaded first."""


class SigningProcess:
    """A process that carries out orders, a line of JSON each, until its socket is closed."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _serve(theirs)
        theirs.close()
        ours.settimeout(ANSWER_S)
        self._lines = ours.makefile("rwb")
        ours.close()

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to an order.

        Raises:
            OSError, ValueError: when the process is gone or does not answer.
        """
        self._lines.write(json.dumps(order).encode() + b"\n")
        self._lines.flush()
        made: dict[str, Any] = json.loads(self._lines.readline())
        return made

    def end(self) -> None:
        """Have the process end, and collect it."""
        with suppress(OSError):
            self._lines.close()
        # Nothing that it does is worth waiting for any more.
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _serve(orders: socket.socket) -> NoReturn:
    """Answer until nobody is there to ask; this is all that the child does."""
    code = 1
    try:
        # Ctrl-C reaches a lab node's whole group; the child goes when machined does.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.nice(NICENESS)
        import edge.pki.certificate  # noqa: F401 - loaded while machined loads itself

        with orders.makefile("rwb") as lines:
            for line in lines:
                lines.write(json.dumps(answer(json.loads(line))).encode() + b"\n")
                lines.flush()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # Whatever happens, it may not come back to where machined would go on, twice.
        os._exit(code)


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """Carry out one order: `key` or `certificate`, with the fields that `Signer` gives it."""
    try:
        return _key(order) if order["order"] == "key" else _certificate(order)
    except TrustError as error:
        return {"fault": error.message}


def _key(order: dict[str, Any]) -> dict[str, Any]:
    from edge.pki.key import new_key, spki_digest

    key = order["key"].encode() or new_key()
    return {"key": key.decode(), "digest": spki_digest(key).hex()}


def _certificate(order: dict[str, Any]) -> dict[str, Any]:
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from edge.pki.certificate import self_signed_server

    certificate = self_signed_server(
        order["key"].encode(),
        common_name=order["common_name"],
        dns_names=order["dns_names"],
        addresses=[ip_address(each) for each in order["addresses"]],
        now=datetime.fromtimestamp(order["now"], UTC),
        lifetime=timedelta(seconds=order["lifetime"]),
    )
    return {"certificate": certificate.decode()}
