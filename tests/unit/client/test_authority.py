# SPDX-License-Identifier: Apache-2.0
"""Authorities in configurations: added, exchanged and dropped, each once and nothing else."""

from datetime import UTC, datetime

import pytest

from edge.client.authority import accept, drop, read_authorities, switch
from edge.config.generate import generate
from edge.config.patch import parse_patch, patch_config
from edge.config.stream import parse_stream
from edge.errors import ConfigError
from edge.pki.certificate import KeyPair, new_ca
from edge.pki.secrets import new_secrets

NOW = datetime.now(UTC)
SECRETS = new_secrets(now=NOW)
OLD = SECRETS.os.certificate
NEW, OTHER = (new_ca("talos", now=NOW) for _ in range(2))
GENERATED = generate("demo", "https://10.0.0.10:6443", SECRETS, now=NOW)


@pytest.mark.parametrize("text", [GENERATED.controlplane, GENERATED.worker])
def test_a_rotation_step_by_step(text: str) -> None:
    """Both are accepted in between, and each step taken again changes nothing."""
    key = NEW.key if text == GENERATED.controlplane else b""
    first = accept(text, NEW.certificate)
    assert read_authorities(first).issuing == OLD
    assert read_authorities(first).accepted == (NEW.certificate,)
    assert accept(first, NEW.certificate) == first
    second = switch(first, KeyPair(certificate=NEW.certificate, key=key))
    found = read_authorities(second)
    assert (found.issuing, found.accepted) == (NEW.certificate, (OLD,))
    assert accept(second, NEW.certificate) == second
    assert switch(second, KeyPair(certificate=NEW.certificate, key=key)) == second
    third = drop(second, [OLD])
    assert read_authorities(third).accepted == ()
    assert drop(third, [OLD]) == third
    assert "acceptedCAs" not in third


def test_the_rest_of_a_configuration_stays() -> None:
    """Other documents, other keys, and authorities that are nobody's business here."""
    more = parse_patch("machine: {sysctls: {a.b: '1'}}")
    text = accept(patch_config(GENERATED.controlplane, [more]), OTHER.certificate)
    done = drop(switch(accept(text, NEW.certificate), NEW), [OLD])
    assert read_authorities(done).accepted == (OTHER.certificate,)
    before, after = (
        [raw.value for raw in parse_stream(each, source="it")] for each in (text, done)
    )
    assert len(before) == len(after) == 2
    for documents in (before, after):
        del documents[0]["machine"]["ca"], documents[0]["machine"]["acceptedCAs"]
    assert before == after


def test_the_type_of_a_machine_is_told() -> None:
    """Only a control plane is given the key."""
    assert read_authorities(GENERATED.controlplane).is_control_plane
    assert not read_authorities(GENERATED.worker).is_control_plane


def test_a_configuration_without_a_root_is_refused() -> None:
    """There is nothing to exchange in it."""
    with pytest.raises(ConfigError, match="no v1alpha1 document"):
        read_authorities("apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: x\n")
