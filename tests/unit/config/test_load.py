# SPDX-License-Identifier: Apache-2.0
"""Strict reading: every fault at once, with line and path."""

from importlib import import_module
from pathlib import Path

import pytest

from edge.config.document import KINDS, Document, kind_model
from edge.config.kinds.link import LinkConfig
from edge.config.kinds.network import HostnameConfig
from edge.config.load import load
from edge.config.model import Model, parse_duration
from edge.errors import ConfigError

GOLDEN = Path(__file__).parents[2] / "golden"

BROKEN = """\
version: v1alpha1
machine:
  typ: worker
  type: {}
  network:
    hostnam: x
    interfaces:
      - interface: eth0
        mtu: big
        addresses: [10.0.0.300/24]
        dhcp: "yes"
  ca: {crt: "%%"}
  files: [{permissions: 0644, op: delete}]
  time: {bootTimeout: 5 minutes}
cluster: []
---
apiVersion: v1alpha1
kind: LinkCnfig
---
apiVersion: v1alpha1
kind: LinkConfig
---
apiVersion: v1
kind: HostnameConfig
auto: off
---
apiVersion: v1alpha1
kind: DHCPv4Config
name: eth0
---
apiVersion: v1alpha1
kind: DHCPv4Config
name: eth0
---
- 1
---
foo: 1
---
machine: {}
"""

FAULTS = (
    'c.yaml:3: machine.typ: unknown key; did you mean "type"?',
    "c.yaml:4: machine.type: a text is expected",
    'c.yaml:6: machine.network.hostnam: unknown key; did you mean "hostname"?',
    "c.yaml:9: machine.network.interfaces[0].mtu: a whole number is expected",
    "c.yaml:10: machine.network.interfaces[0].addresses[0]: '10.0.0.300/24' does not appear to be"
    " an IPv4 or IPv6 interface",
    "c.yaml:11: machine.network.interfaces[0].dhcp: true or false is expected",
    "c.yaml:12: machine.ca.crt: not base64",
    "c.yaml:13: machine.files[0].op: must be one of 'create', 'append' or 'overwrite'",
    "c.yaml:14: machine.time.bootTimeout: '5 minutes' is not a duration such as \"1m30s\"",
    "c.yaml:15: cluster: a mapping is expected",
    'c.yaml:17: LinkCnfig: there is no such kind; did you mean "LinkConfig"?',
    "c.yaml:20: LinkConfig: name: is required",
    "c.yaml:23: HostnameConfig: apiVersion: must be one of 'v1alpha1'",
    "c.yaml:35: a document must be a mapping",
    "c.yaml:37: neither the root document (version: v1alpha1) nor of a kind",
    "c.yaml:39: version: is required",
    'c.yaml:31: DHCPv4Config "eth0": this document is given twice',
)


def test_every_fault_at_once() -> None:
    """All that is wrong is reported together, in the words of somebody who writes YAML."""
    with pytest.raises(ConfigError) as caught:
        load(BROKEN, source="c.yaml")
    assert caught.value.faults == FAULTS
    assert caught.value.message == "c.yaml has 17 faults"


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n"])
def test_nothing_in_it(text: str) -> None:
    """An empty file is no configuration."""
    with pytest.raises(ConfigError, match="holds no configuration"):
        load(text)


def test_secrets_stay_out_of_faults() -> None:
    """A fault about a secret does not show it."""
    with pytest.raises(ConfigError) as caught:
        load("version: v1alpha1\nmachine: {ca: {key: hunter2}, token: [hunter2]}\n")
    assert len(caught.value.faults) == 2
    assert "hunter2" not in str(caught.value.faults)


def test_what_was_written_counts() -> None:
    """Numbers and switches in the place of texts are taken as they stand, as upstream does."""
    root = load(
        "version: v1alpha1\nmachine:\n  token: 123456.7890\n"
        "  sysctls: {a: 1, b: 010, c: true, d: 1.50}\n  files: [{permissions: 0644}]\n"
        "cluster: {apiServer: {extraArgs: {v: 4, x: [1, true]}}}\n"
    ).root
    assert root
    assert root.machine
    assert root.cluster
    assert root.machine.token == "123456.7890"
    assert root.machine.sysctls == {"a": "1", "b": "010", "c": "true", "d": "1.50"}
    assert root.machine.files
    assert root.machine.files[0].permissions == 0o644
    assert root.cluster.apiServer
    assert root.cluster.apiServer.extraArgs == {"v": "4", "x": ["1", "true"]}


def test_empty_keys_are_missing_keys() -> None:
    """A key without a value says nothing."""
    root = load("version: v1alpha1\nmachine:\n  network:\n  certSANs:\ncluster:\n").root
    assert root
    assert root.cluster is None


def test_partial_configuration() -> None:
    """Documents without a root are a configuration, though not one to start with."""
    config = load(
        "apiVersion: v1alpha1\nkind: HostnameConfig\nauto: off\n"
        "---\napiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\n"
    )
    assert not config.is_complete
    hostname = config.only(HostnameConfig)
    assert hostname
    assert hostname.auto == "off"
    assert [link.name for link in config.of_kind(LinkConfig)] == ["eth0"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kind(kind: str) -> None:
    """Each kind has a model of its name that builds and refuses unknown keys."""
    model = kind_model(kind)
    assert model
    assert model.__name__ == kind
    value = {"apiVersion": "v1alpha1", "kind": kind, "name": "x", "nonsense": 1}
    with pytest.raises(ValueError, match="nonsense"):
        model.model_validate(value)


def test_every_model_is_a_kind() -> None:
    """No document model is forgotten in the table of kinds."""
    found = {
        name
        for path in set(KINDS.values())
        for name, value in vars(import_module(path)).items()
        if isinstance(value, type) and issubclass(value, Document) and value.__module__ == path
    }
    assert {name for name in found if name.endswith("Config")} - set(KINDS) == {
        "AuthorityConfig",
        "DHCPConfig",
    }


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("0", 0), ("1.5s", 1.5), ("-2s", -2)],
)
def test_durations(text: str, seconds: float) -> None:
    """Durations are spelled as Go spells them."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "s", "1 s", "1s5", "1d"])
def test_not_durations(text: str) -> None:
    """Anything else is not a duration."""
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_models_are_strict() -> None:
    """Every model refuses unknown keys."""
    pending, seen = [Model], set()
    while pending:
        model = pending.pop()
        seen.add(model)
        pending += model.__subclasses__()
    loose = {model.__name__ for model in seen if model.model_config.get("extra") != "forbid"}
    assert loose <= {"_Context"}
