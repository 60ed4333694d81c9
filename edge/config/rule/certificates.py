# SPDX-License-Identifier: Apache-2.0
"""Rules about authorities: who must have which, and who must not have a key."""

import base64
from collections.abc import Callable, Iterator

from edge.config.kinds.kubernetes import AuthorityConfig, IssuingCA
from edge.config.load import MachineConfig
from edge.config.machine import Machine
from edge.config.model import CertAndKey, CertOnly, KeyOnly
from edge.config.root import Root
from edge.config.rule.finding import Finding, Place, root_places
from edge.config.rule.machine import is_control_plane
from edge.errors import TrustError
from edge.pki.certificate import KeyPair, belongs, split_bundle
from edge.pki.key import load_key


def check(config: MachineConfig) -> Iterator[Finding]:
    """Check the authorities of the root document."""
    for root, place in root_places(config):
        if root.machine:
            yield from _check_machine(root.machine, place / "machine")
        yield from _check_cluster(root, place / "cluster")
    machine = config.root.machine if config.root else None
    has_keys = machine is None or is_control_plane(machine)
    for part in config.parts:
        if isinstance(part.model, AuthorityConfig):
            yield from _check_document(part.model, Place(part), has_keys=has_keys)


def _check_machine(machine: Machine, at: Place) -> Iterator[Finding]:
    ca = machine.ca or CertAndKey()
    yield from _check_pair(ca, at / "ca")
    yield from _check_list(machine.acceptedCAs, at / "acceptedCAs")
    if is_control_plane(machine):
        if not ca.crt or not ca.key:
            yield (at / "ca").fault("a control-plane machine needs the certificate and its key")
        return
    if ca.key:
        yield (at / "ca" / "key").fault("only control-plane machines may have the key")
    if not ca.crt and not machine.acceptedCAs:
        yield (at / "ca").fault("the certificate, or one in acceptedCAs, is required")


def _check_cluster(root: Root, at: Place) -> Iterator[Finding]:
    cluster = root.cluster
    if not cluster:
        return
    if cluster.ca:
        yield from _check_pair(cluster.ca, at / "ca")
        if cluster.ca.key and root.machine and not is_control_plane(root.machine):
            yield (at / "ca" / "key").fault("only control-plane machines may have the key")
    yield from _check_list(cluster.acceptedCAs, at / "acceptedCAs")
    if cluster.aggregatorCA:
        yield from _check_pair(cluster.aggregatorCA, at / "aggregatorCA")
    if cluster.etcd and cluster.etcd.ca:
        yield from _check_pair(cluster.etcd.ca, at / "etcd" / "ca")
    if cluster.serviceAccount:
        yield from _check_key(cluster.serviceAccount, at / "serviceAccount" / "key")


def _check_document(model: AuthorityConfig, at: Place, *, has_keys: bool) -> Iterator[Finding]:
    issuing = model.issuingCA or IssuingCA()
    for key, check, text in (
        ("cert", split_bundle, issuing.cert),
        ("key", load_key, issuing.key),
    ):
        yield from _check_pem(check, text or "", at / "issuingCA" / key)
    if issuing.key and not has_keys:
        yield (at / "issuingCA" / "key").fault("only control-plane machines may have the key")
    for index, text in enumerate(model.acceptedCAs or []):
        yield from _check_pem(split_bundle, text or "\n", at / "acceptedCAs" / index)


def _check_pem(check: Callable[[bytes], object], text: str, at: Place) -> Iterator[Finding]:
    try:
        if text:
            check(text.encode())
    except TrustError as error:
        yield at.fault(error.message)


def _check_pair(pair: CertAndKey, at: Place) -> Iterator[Finding]:
    try:
        if pair.crt:
            split_bundle(_pem(pair.crt))
    except TrustError as error:
        yield (at / "crt").fault(error.message)
        return
    yield from _check_key(pair, at / "key")
    if pair.crt and pair.key and not _belongs(pair.crt, pair.key):
        yield (at / "key").fault("does not belong to the certificate")


def _check_key(holder: CertAndKey | KeyOnly, at: Place) -> Iterator[Finding]:
    try:
        if holder.key:
            load_key(_pem(holder.key))
    except TrustError as error:
        yield at.fault(error.message)


def _check_list(authorities: list[CertOnly] | None, at: Place) -> Iterator[Finding]:
    for index, authority in enumerate(authorities or []):
        yield from _check_pair(CertAndKey(crt=authority.crt), at / index)
        if not authority.crt:
            yield (at / index / "crt").fault("is required")


def _belongs(crt: str, key: str) -> bool:
    try:
        return belongs(KeyPair(certificate=_pem(crt), key=_pem(key)))
    except TrustError:
        return True  # the key alone was faulted already


def _pem(encoded: str) -> bytes:
    return base64.b64decode(encoded)
