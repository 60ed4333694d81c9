# SPDX-License-Identifier: Apache-2.0
"""What stands for the kernel's socket of events, in a process that its signals do not end."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from edge.node.boot.hotplug import SIGNAL

Pair = tuple[socket.socket, socket.socket]


@contextmanager
def event_pair() -> Iterator[Pair]:
    """Yield the kernel's end and the listener's; `SIGNAL` is held back as PID 1 does."""
    handler = signal.signal(SIGNAL, signal.SIG_IGN)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {SIGNAL})
    kernel, listener = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        with kernel, listener:
            yield kernel, listener
    finally:
        # What is still to come is ignored; the end of the pair is an event as well.
        while signal.sigtimedwait({SIGNAL}, 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        signal.signal(SIGNAL, handler)
