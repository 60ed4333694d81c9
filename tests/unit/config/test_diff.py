# SPDX-License-Identifier: Apache-2.0
"""Redaction and comparison."""

from edge.config.diff import diff
from edge.config.generate import Generated
from edge.config.redact import redact_text
from edge.config.stream import parse_stream
from edge.pki.secrets import SecretsBundle

OLD = """\
version: v1alpha1
machine:
  type: worker
  token: one
  env: {https_proxy: "http://u:p@proxy"}
---
apiVersion: v1alpha1
kind: HostnameConfig
auto: stable
"""

NEW = """\
version: v1alpha1
machine:
  token: two
  type: worker
  env: {https_proxy: "http://u:p@proxy"}
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth0
mtu: 1400
"""


def test_redacted_diff() -> None:
    """A diff shows that a secret changes and not to what; documents are told apart."""
    assert diff(OLD, NEW) == (
        "--- a/v1alpha1\n"
        "+++ b/v1alpha1\n"
        "@@ -1,6 +1,6 @@\n"
        " version: v1alpha1\n"
        " machine:\n"
        "     type: worker\n"
        "-    token: secret-1\n"
        "+    token: secret-3\n"
        "     env:\n"
        "         https_proxy: secret-2\n"
        "--- a/HostnameConfig\n"
        "+++ /dev/null\n"
        "@@ -1,3 +0,0 @@\n"
        "-apiVersion: v1alpha1\n"
        "-kind: HostnameConfig\n"
        "-auto: stable\n"
        "--- /dev/null\n"
        '+++ b/LinkConfig "eth0"\n'
        "@@ -0,0 +1,4 @@\n"
        "+apiVersion: v1alpha1\n"
        "+kind: LinkConfig\n"
        "+name: eth0\n"
        "+mtu: 1400\n"
    )


def test_plain_diff() -> None:
    """Secrets are shown to who asks for them."""
    assert "+    token: two\n" in diff(OLD, NEW, redacted=False)


def test_no_difference() -> None:
    """Layout and order of keys are no difference; nothing differs from nothing."""
    assert diff(OLD, OLD) == ""
    assert diff("a: 1\nversion: v1alpha1\n", "{version: v1alpha1, a: 1}") == ""
    assert diff("", "") == ""
    assert diff("", OLD).startswith("--- /dev/null\n+++ b/v1alpha1\n")


def test_nothing_secret_is_left(generated: Generated, bundle: SecretsBundle) -> None:
    """A redacted configuration holds no key, token or secret, and every certificate."""
    text = redact_text(generated.controlplane)
    for secret in (bundle.trustd_token, bundle.bootstrap_token, bundle.cluster_secret):
        assert secret not in text
    (root, _) = (raw.value for raw in parse_stream(text, source="x"))
    for pair in (root["machine"]["ca"], root["cluster"]["ca"], root["cluster"]["etcd"]["ca"]):
        assert pair["key"] == "******"
        assert pair["crt"].startswith("LS0t")
    assert root["cluster"]["serviceAccount"]["key"] == "******"
    assert root["cluster"]["secretboxEncryptionSecret"] == "******"
    assert 'key: ""' in redact_text(generated.worker)
