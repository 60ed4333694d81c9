# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way to a node, in one line each: grpc's and OpenSSL's words in ours.

`Strangers` are clients without a certificate: what they are told differs from what members are.
"""

import errno
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from edge import errors

_DISCOVER = "edgectl discover shows the nodes on this network"
_MAINTENANCE = "a node in maintenance mode wants --insecure; edgectl discover shows which are"
_ENDPOINT = "the endpoint that was asked (-e) is a worker; only control planes forward"
_CONTEXT = "is the client configuration of this cluster? --talosconfig FILE, --context NAME"
_REISSUE = (
    "get one with another key: edgectl config new PATH, where some administrator is let in, or"
    " edgectl gen config NAME URL --with-secrets FILE -t talosconfig"
)
_CLOCK = "compare the clocks: edgectl time"

# OpenSSL's numbers for why a certificate does not verify.
_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = (62, 64)
_OTHER_AUTHORITY = (2, 7, 18, 19, 20, 21, 24)
_PLAIN_TEXT = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")

_TRUST_CODES = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_REASONS = {
    "Connection refused": "connection refused",
    "No route to host": "no route to host",
    "Network is unreachable": "network is unreachable",
    "Connection timed out": "no answer in time",
    "Timeout occurred": "no answer in time",
    "handshaker shutdown": "no answer in time",
    "lookup failed": "no such host",
    "DNS": "no such host",
    "Connection reset": "connection reset",
    "Socket closed": "it ended the connection",
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
}
_GONE = (
    *("Socket closed", "Connection reset", "Broken pipe", "GOAWAY", "Stream removed"),
    # What servers say that stop in good order: ours, and those written in Go.
    *("Cancelling all calls", "shutting down", "transport is closing"),
    *("keepalive", "ping timeout", "Connection timed out", "Transport closed", "End of TCP stream"),
)


class UnreachableError(errors.NodeError):
    """There is no connection to the node; there may be one later."""


class StrangerError(errors.TrustError):
    """Whoever answers has a certificate of another authority, as a worker that boots has."""


class GoneError(UnreachableError):
    """There was a connection to the node, and now there is none."""


@contextmanager
def translated(
    node: str,
    *,
    anonymous: bool = False,
    cause: Callable[[], errors.EdgeError | None] = lambda: None,
) -> Iterator[None]:
    """Turn gRPC errors into ours, naming the node; `anonymous` is a call without certificate.

    `cause` says why the transport below broke, where it knows better than gRPC.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        known = cause() if error.code() is grpc.StatusCode.UNAVAILABLE else None
        raise known or explain_call(node, error, anonymous=anonymous) from error
    except grpc.aio.UsageError as error:
        raise errors.NodeError(f"{node}: the connection is closed") from error


def explain_call(
    node: str, error: grpc.aio.AioRpcError, *, anonymous: bool = False
) -> errors.EdgeError:
    """Return what a failed call means."""
    details = error.details() or error.code().name.lower()
    if anonymous and _wants_certificate(details):
        return configured_already(node)
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        first, *faults = details.splitlines()
        return errors.ConfigError(f"{node}: {first}", faults=tuple(f.strip() for f in faults))
    if error.code() in _TRUST_CODES:
        hint = _ENDPOINT if details == "no request forwarding" else None
        return errors.TrustError(f"{node}: {details}", hint=hint)
    return _node_error(node, error.code(), details)


def explain_dial(where: str, error: Exception, *, stranger: bool = False) -> errors.EdgeError:
    """Return why there is no connection to `where`, an address and port."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(where, error)
    if isinstance(error, ssl.SSLError):
        return _explain_tls(where, error, stranger=stranger)
    if isinstance(error, socket.gaierror):
        return UnreachableError(f"{where} cannot be reached: no such host", hint=_DISCOVER)
    if isinstance(error, TimeoutError):
        return timed_out(where)
    return UnreachableError(f"{where} cannot be reached: {_system_reason(error)}", hint=_DISCOVER)


def timed_out(where: str) -> UnreachableError:
    """Return the error for an address at which nobody answers, not even to refuse."""
    return UnreachableError(f"{where} cannot be reached: no answer in time", hint=_DISCOVER)


def hung_up(where: str, *, ed25519: bool = False) -> errors.TrustError:
    """Return the error for a node that saw our certificate and ended the connection silently."""
    if ed25519:
        return errors.TrustError(
            f"{where} cannot verify our certificate: its key is Ed25519", hint=_REISSUE
        )
    return errors.TrustError(f"{where} refuses our certificate and does not say why", hint=_CONTEXT)


def configured_already(node: str) -> errors.NodeError:
    """Return the error for a client without certificate at a node that wants one."""
    return errors.NodeError(
        f"{node} is configured already: it talks only to who shows a certificate",
        hint="leave out --insecure, or --from-console; edgectl reset takes a node back",
    )


def _explain_certificate(where: str, error: ssl.SSLCertVerificationError) -> errors.TrustError:
    code = error.verify_code
    if code == _EXPIRED:
        return errors.TrustError(f"the certificate of {where} has expired", hint=_CLOCK)
    if code == _NOT_YET:
        return errors.TrustError(f"the certificate of {where} is not valid yet", hint=_CLOCK)
    if code in _OTHER_NAME:
        return errors.TrustError(
            f"the certificate of {where} is for other names",
            hint="use an address or name that stands in it",
        )
    if code in _OTHER_AUTHORITY:
        return _other_authority(where)
    reason = error.verify_message
    return errors.TrustError(f"the certificate of {where} does not verify: {reason}")


def _other_authority(where: str) -> errors.TrustError:
    return StrangerError(
        f"{where} cannot be trusted: its certificate is not from this cluster", hint=_MAINTENANCE
    )


def _explain_tls(where: str, error: ssl.SSLError, *, stranger: bool) -> errors.EdgeError:
    reason = error.reason or str(error)
    if "ALERT" in reason:
        return _explain_alert(where, reason, stranger=stranger)
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) or "EOF" in reason:
        return UnreachableError(f"{where} ended the connection during the TLS handshake")
    if reason in _PLAIN_TEXT:
        return errors.NodeError(f"{where} does not speak TLS: is that the node's API port?")
    return errors.NodeError(f"{where} does not speak TLS as we do: {_words(reason)}")


def _explain_alert(where: str, reason: str, *, stranger: bool) -> errors.EdgeError:
    # Before TLS 1.3 a failed handshake is also how a certificate is asked for.
    if stranger and "PROTOCOL_VERSION" not in reason:
        return configured_already(where)
    if "PROTOCOL_VERSION" in reason or "HANDSHAKE_FAILURE" in reason:
        return errors.NodeError(f"{where} and this machine have no kind of TLS in common")
    if "EXPIRED" in reason:
        hint = "edgectl config new makes another while there is a valid one; or edgectl gen config"
        return errors.TrustError(f"{where} refuses our certificate: it has expired", hint=hint)
    return errors.TrustError(
        f"{where} refuses our certificate: {_words(reason)}",
        hint=_CONTEXT,
    )


def _words(reason: str) -> str:
    """Return OpenSSL's "TLSV1_ALERT_UNKNOWN_CA" as "unknown CA"."""
    for start in ("TLSV1_ALERT_", "TLSV13_ALERT_", "SSLV3_ALERT_"):
        reason = reason.removeprefix(start)
    return reason.replace("_", " ").lower().replace(" ca", " CA")


def _system_reason(error: Exception) -> str:
    # Several addresses make asyncio list several errors and give no number.
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (match := _ERRNO.search(str(error))):
        number = int(match[1])
    if number == errno.ETIMEDOUT:
        return "no answer in time"
    return os.strerror(number).lower() if number else str(error).lower()


def _node_error(node: str, code: grpc.StatusCode, details: str) -> errors.EdgeError:
    if code is grpc.StatusCode.UNAVAILABLE:
        return _unavailable(node, details)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.NodeError(f"{node} did not answer in time")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return errors.NodeError(f"{node} cannot do that: {details}")
    if code is grpc.StatusCode.CANCELLED:
        return errors.NodeError(f"{node} ended the call")
    return errors.NodeError(f"{node}: {details}")


def _unavailable(node: str, details: str) -> errors.EdgeError:
    if "failed to connect" not in details and any(each in details for each in _GONE):
        return GoneError(f"{node} went away")
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return _other_authority(node)
    reason = next((said for known, said in _REASONS.items() if known in details), "")
    text = reason or details.splitlines()[0]
    return UnreachableError(f"{node} cannot be reached: {text}", hint=_DISCOVER)


def _wants_certificate(details: str) -> bool:
    """Say whether the node hung up during the handshake, though it was there a moment ago."""
    # "Unwrap failed" is what grpc makes of the alert that says so.
    endings = (
        *("Socket closed", "Connection reset", "Unwrap failed"),
        *("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE"),
    )
    return "failed to connect" in details and any(each in details for each in endings)
