# SPDX-License-Identifier: Apache-2.0
"""Generated configurations against golden files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.config.generate import Generated, Options, generate
from edge.config.load import load
from edge.errors import ConfigError
from edge.pki.certificate import KeyPair, belongs, inspect, is_issued_by
from edge.pki.secrets import SecretsBundle

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["controlplane", "worker"])
def test_golden(generated: Generated, golden: Path, kind: str) -> None:
    """The configurations of fixed secrets are the golden ones, byte for byte."""
    assert getattr(generated, kind) == (golden / f"config/{kind}.yaml").read_text()


def test_client_configuration(generated: Generated, bundle: SecretsBundle) -> None:
    """The client configuration holds an administrator's certificate of one year."""
    config = generated.talosconfig
    context = config.context()
    assert config.current == "demo"
    assert context.endpoints == ()
    assert context.ca == bundle.os.certificate
    info = inspect(context.crt)
    assert info.organizations == ("os:admin",)
    assert info.usages == ("client_auth",)
    assert info.not_after == NOW + timedelta(days=365)
    assert is_issued_by(context.crt, context.ca)
    assert belongs(KeyPair(certificate=context.crt, key=context.key))


def test_options(bundle: SecretsBundle) -> None:
    """Options land where upstream puts them."""
    options = Options(
        install_disk="/dev/mmcblk0",
        additional_sans=("a.example", "10.0.0.9"),
        dns_domain="edge.local",
        discovery=False,
    )
    made = generate(
        "x", "https://a.example", bundle, now=NOW, options=options, endpoints=["10.0.0.9"]
    )
    root = load(made.controlplane).root
    assert root
    assert root.machine
    assert root.machine.install
    assert root.machine.install.disk == "/dev/mmcblk0"
    assert root.machine.certSANs == ["a.example", "10.0.0.9"]
    assert root.cluster
    assert root.cluster.apiServer
    assert root.cluster.apiServer.certSANs == ["a.example", "10.0.0.9"]
    assert root.cluster.network
    assert root.cluster.network.dnsDomain == "edge.local"
    assert root.cluster.discovery
    assert root.cluster.discovery.enabled is False
    assert made.talosconfig.context().endpoints == ("10.0.0.9",)


@pytest.mark.parametrize(
    "endpoint",
    ["", "10.0.0.1", "http://a:6443", "https://", "https://a:x", "https://a/path", "https://a:0"],
)
def test_bad_endpoints(bundle: SecretsBundle, endpoint: str) -> None:
    """An endpoint that is no https URL of a host is refused with an example."""
    with pytest.raises(ConfigError, match="not the https URL") as caught:
        generate("x", endpoint, bundle, now=NOW)
    assert caught.value.hint == "write it as https://10.0.0.10:6443"


def test_placeholder_in_an_endpoint(bundle: SecretsBundle) -> None:
    """What was copied from the documentation as it stands is noticed."""
    with pytest.raises(ConfigError, match="placeholder"):
        generate("x", "https://ADDRESS:6443", bundle, now=NOW)


@pytest.mark.parametrize("name", ["", "a b", " a", "a/../b", "-a"])
def test_bad_names(bundle: SecretsBundle, name: str) -> None:
    """A cluster name is one word."""
    with pytest.raises(ConfigError, match="cannot name a cluster"):
        generate(name, "https://a", bundle, now=NOW)


def test_secrets_stay_out_of_repr(generated: Generated) -> None:
    """Logged results show no key."""
    assert "PRIVATE" not in repr(generated)
    assert "LS0t" not in repr(generated)
