# SPDX-License-Identifier: Apache-2.0
"""Roles and the methods they open."""

from datetime import UTC, datetime

import pytest

from edge.errors import TrustError
from edge.pki.certificate import inspect, issue_client, issue_server, new_ca
from edge.pki.key import new_key
from edge.pki.role import METHOD_ROLES, Role, allowed, client_roles, known_roles

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MACHINE = "/machine.MachineService"


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
