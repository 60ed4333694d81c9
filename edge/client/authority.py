# SPDX-License-Identifier: Apache-2.0
"""The authorities of the machine API in a machine configuration: added, exchanged, dropped.

Each change is made once: a configuration that has it already comes back as it was.
"""

import base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from edge.config.encode import encode
from edge.config.stream import parse_stream
from edge.errors import ConfigError
from edge.pki.certificate import KeyPair, split_bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorities:
    """Whom a node lets issue its certificate, and whose it accepts besides; PEM."""

    is_control_plane: bool
    issuing: bytes
    accepted: tuple[bytes, ...] = ()


def read_authorities(text: str) -> Authorities:
    """Return the authorities in the configuration `text`.

    Raises:
        ConfigError: when it has no v1alpha1 document.
    """
    machine, _ = _open(text)
    return Authorities(
        is_control_plane=machine.get("type") in ("controlplane", "init"),
        issuing=_issuing(machine),
        accepted=tuple(_accepted(machine)),
    )


def accept(text: str, authority: bytes) -> str:
    """Return a configuration that accepts `authority` beside the one that issues."""
    machine, finish = _open(text)
    if authority in (_issuing(machine), *_accepted(machine)):
        return text
    machine["acceptedCAs"] = [*(machine.get("acceptedCAs") or ()), _entry(authority)]
    return finish()


def switch(text: str, authority: KeyPair) -> str:
    """Return a configuration whose authority is `authority`, and which accepts the former one."""
    machine, finish = _open(text)
    former = _issuing(machine)
    if former == authority.certificate:
        return text
    kept = [each for each in _accepted(machine) if each != authority.certificate]
    if former and former not in kept:
        kept.append(former)
    machine["ca"] = {"crt": _encode(authority.certificate), "key": _encode(authority.key)}
    machine["acceptedCAs"] = [_entry(each) for each in kept]
    return finish()


def drop(text: str, authorities: Collection[bytes]) -> str:
    """Return a configuration that does not accept `authorities` any more."""
    machine, finish = _open(text)
    accepted = _accepted(machine)
    kept = [each for each in accepted if each not in authorities]
    if kept == accepted:
        return text
    machine["acceptedCAs"] = [_entry(each) for each in kept]
    if not kept:
        del machine["acceptedCAs"]
    return finish()


def _open(text: str) -> tuple[dict[str, Any], Callable[[], str]]:
    """Return the machine part of a configuration to be changed, and what writes all of it."""
    documents = [raw.value for raw in parse_stream(text, source="the configuration of a node")]
    roots = [at for at, each in enumerate(documents) if "kind" not in each]
    if len(roots) != 1:
        raise ConfigError("the configuration of a node has no v1alpha1 document")
    machine = dict(documents[roots[0]].get("machine") or {})

    def finish() -> str:
        changed: list[Mapping[str, Any]] = list(documents)
        changed[roots[0]] = {**documents[roots[0]], "machine": machine}
        return encode(changed)

    return machine, finish


def _issuing(machine: Mapping[str, Any]) -> bytes:
    return _decode((machine.get("ca") or {}).get("crt"))


def _accepted(machine: Mapping[str, Any]) -> list[bytes]:
    return [_decode(each.get("crt")) for each in machine.get("acceptedCAs") or ()]


def _entry(authority: bytes) -> dict[str, str]:
    return {"crt": _encode(authority)}


def _encode(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def _decode(text: str | None) -> bytes:
    """Return the certificate in its usual form, so that equal ones are equal."""
    return split_bundle(base64.b64decode(text))[0] if text else b""
