# SPDX-License-Identifier: Apache-2.0
"""Roles and the methods they open."""

import pkgutil
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

import edge.api
from edge.errors import TrustError
from edge.pki.certificate import inspect, issue_client, issue_server, new_ca
from edge.pki.key import new_key
from edge.pki.role import METHOD_ROLES, TOKEN_METHODS, Role, allowed, client_roles, known_roles

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MACHINE = "/machine.MachineService"
MATRIX = Path(__file__).parents[2] / "golden/roles/matrix.txt"
LETTERS = {
    "A": Role.ADMIN,
    "O": Role.OPERATOR,
    "R": Role.READER,
    "B": Role.ETCD_BACKUP,
    "V": Role.IMAGE_VERIFIER,
    "M": Role.META_WRITER,
}


def _matrix() -> dict[str, str]:
    lines = MATRIX.read_text().splitlines()
    rows = (line.partition(" ") for line in lines if not line.startswith("#"))
    return {method: letters for method, _, letters in rows}


def _described() -> set[str]:
    """Return every method of every service that a protocol definition describes."""
    modules = [f"edge.api.{each.name}" for each in pkgutil.iter_modules(edge.api.__path__)]
    files = [import_module(name).DESCRIPTOR for name in modules if name.endswith("_pb2")]
    return {
        f"/{service.full_name}/{method.name}"
        for file in files
        for service in file.services_by_name.values()
        for method in service.methods
    }


def test_every_described_method_is_in_the_table() -> None:
    """A service that is added brings its roles along; the table names nothing else."""
    assert len(_described()) >= 80
    assert _described() == METHOD_ROLES.keys() | TOKEN_METHODS
    assert not METHOD_ROLES.keys() & TOKEN_METHODS


def test_the_matrix() -> None:
    """Every method of every service admits the roles that upstream's matrix gives it."""
    matrix = _matrix()
    assert matrix.keys() == _described()
    for method, letters in matrix.items():
        expected = {LETTERS[letter] for letter in letters if letter in LETTERS}
        if method not in TOKEN_METHODS:
            assert {role for role in Role if allowed(method, {role})} == expected, method
        kept = {LETTERS[each.upper()] for each in letters if each.upper() in LETTERS}
        opened = {role for role in Role if allowed(method, {role}, maintenance=True)}
        assert method in TOKEN_METHODS or opened == kept, method


@pytest.mark.parametrize(
    ("method", "roles"),
    [
        (f"{MACHINE}/Version", "os:admin os:operator os:reader"),
        (f"{MACHINE}/Reboot", "os:admin os:operator"),
        (f"{MACHINE}/Reset", "os:admin"),
        (f"{MACHINE}/Read", "os:admin"),
        (f"{MACHINE}/ApplyConfiguration", "os:admin"),
        (f"{MACHINE}/EtcdStatus", "os:admin os:operator os:reader os:etcd:backup"),
        (f"{MACHINE}/EtcdSnapshot", "os:admin os:operator os:etcd:backup"),
        (f"{MACHINE}/MetaWrite", "os:admin os:meta:writer"),
        ("/machine.ImageService/Verify", "os:admin os:operator os:reader os:image:verifier"),
        ("/cosi.resource.State/Watch", "os:admin os:operator os:reader"),
        ("/cosi.resource.State/Update", "os:admin"),
        ("/somebody.Else/Method", "os:admin"),
    ],
)
def test_table(method: str, roles: str) -> None:
    """Each role opens exactly the methods that the table gives it."""
    assert {role for role in Role if allowed(method, {role})} == {Role(r) for r in roles.split()}


def test_nobody() -> None:
    """Without roles nothing is open."""
    assert not any(allowed(method, set()) for method in METHOD_ROLES)


def test_maintenance_lets_readers_apply() -> None:
    """In maintenance mode a reader may apply a configuration, and still not reset."""
    assert allowed(f"{MACHINE}/ApplyConfiguration", {Role.READER}, maintenance=True)
    assert not allowed(f"{MACHINE}/Reset", {Role.READER}, maintenance=True)


def test_unknown_roles_carry_no_rights() -> None:
    """Organizations that are no roles are ignored."""
    assert known_roles(["os:reader", "os:emperor", "ACME"]) == {Role.READER}


def test_roles_of_certificates() -> None:
    """Roles come from client certificates; a server certificate is refused."""
    ca = new_ca("talos", now=NOW)
    client = issue_client(ca, ["os:operator", "staff"], now=NOW)
    assert client_roles(inspect(client.certificate)) == {Role.OPERATOR}
    server = issue_server(ca, new_key(), common_name="n", dns_names=["n"], now=NOW)
    with pytest.raises(TrustError, match="not a client certificate"):
        client_roles(inspect(server))
