# SPDX-License-Identifier: Apache-2.0
"""No field of any document shows a secret: found by walking over all models."""

import re
from collections.abc import Iterator
from typing import Any, get_origin

import pytest

from edge.config.diff import diff
from edge.config.document import KINDS
from edge.config.encode import encode
from edge.config.load import load
from edge.config.mask import MASK
from edge.config.model import Secret
from edge.config.redact import redact, redact_text
from edge.config.shape import Shape, document_shape
from edge.errors import ConfigError

Path = tuple[str, ...]
SECRET = "hunter2Zq8"
URL = f"https://bob:{SECRET}@example.org/a?jointoken={SECRET}"
ANY = "*"

# Names that what is secret has, at least now and then.
SUSPICIOUS = re.compile(
    r".*(content|manifest$|token|secret|passw|passphrase|private|(?<!public)key$|auth$|credential"
    r"|env$|environment|variables|headers|apiurl).*",
    re.IGNORECASE,
)
# Fields of such names that say nothing secret, with the reason.
PUBLIC = {
    "credentialProviderConfig": "a mapping of another program, judged key by key",
}


def leaves(shape: Shape, path: Path = (), *, hidden: bool = False) -> Iterator[tuple[Path, bool]]:
    """Yield every place for a text, and whether it is hidden."""
    hidden = hidden or shape.marker(Secret) is not None
    kind = get_origin(shape.annotation)
    if shape.is_struct:
        for key in shape.keys:
            yield from leaves(shape.child(key), (*path, key), hidden=hidden)
    elif kind is list:
        yield from leaves(shape.item, (*path, "[]"), hidden=hidden)
    elif kind is dict:
        yield from leaves(shape.child(ANY), (*path, ANY), hidden=hidden)
    elif shape.annotation in (str, Any):
        yield path, hidden


def at(path: Path, value: Any) -> Any:
    """Return what has `value` at `path`."""
    if not path:
        return value
    inner = at(path[1:], value)
    return [inner] if path[0] == "[]" else {path[0]: inner}


def everything() -> list[tuple[str, Path, bool]]:
    """Return every place for a text in every document."""
    return [
        (kind, path, hidden)
        for kind in ("", *sorted(KINDS))
        for path, hidden in leaves(document_shape({"kind": kind} if kind else {}))
        if path[0] not in ("apiVersion", "kind", "version")
    ]


LEAVES = everything()


def document(kind: str, path: Path, value: Any) -> dict[str, Any]:
    """Return a document of `kind` with `value` at `path`."""
    return ({"kind": kind} if kind else {}) | dict(at(path, value))


def test_the_walk_sees_all() -> None:
    """Places that a reviewer found open are among them, and hidden."""
    hidden = {(kind, ".".join(path)) for kind, path, is_hidden in LEAVES if is_hidden}
    assert len(LEAVES) > 400
    assert hidden >= {
        ("", "machine.files.[].content"),
        ("", "cluster.inlineManifests.[].contents"),
        ("ExtensionServiceConfig", "configFiles.[].content"),
        ("SideroLinkConfig", "apiUrl"),
        ("KubeInlineManifestConfig", "manifest"),
        ("EtcFileConfig", "contents"),
        ("CRICustomizationConfig", "content"),
    }


def test_suspicious_names_are_hidden() -> None:
    """Whoever adds a field that is called as secrets are marks it, or says here why not."""
    open_ones = {
        f"{kind} {'.'.join(path)}"
        for kind, path, hidden in LEAVES
        if not hidden
        for name in [[each for each in path if each not in ("[]", ANY)][-1]]
        if SUSPICIOUS.fullmatch(name) and name not in PUBLIC
    }
    assert open_ones == set()


def test_what_is_hidden_is_not_shown() -> None:
    """The whole value, whatever it is."""
    for kind, path, hidden in LEAVES:
        if hidden:
            shown = encode([redact(document(kind, path, SECRET))])
            assert SECRET not in shown, (kind, path)
            assert MASK in shown


def test_no_field_shows_what_a_url_keeps() -> None:
    """Users, passwords and questions in URLs are masked wherever somebody writes one."""
    for kind, path, _ in LEAVES:
        given = document(kind, path, URL)
        assert SECRET not in encode([redact(given)]), (kind, path)
        assert SECRET not in diff("", encode([given])), (kind, path)


@pytest.mark.parametrize(
    "given",
    [
        {"machine": {"kubelet": {"extraArgs": {"bootstrap-token": SECRET}}}},
        {"machine": {"kubelet": {"extraConfig": {"a": [{"apiKey": SECRET}]}}}},
        {"machine": {"pods": [{"spec": {"containers": [{"env": [{"value": SECRET}]}]}}]}},
        {"machine": {"pods": [{"spec": {"containers": [{"args": [f"--token={SECRET}"]}]}}]}},
        {"machine": {"sysctls": {"net.ipv4.tcp_fastopen_key": SECRET}}},
        {"machine": {"install": {"extraKernelArgs": [f"siderolink.api=grpc://x?{SECRET}"]}}},
        {"kind": "KubeFlannelCNIConfig", "backendExtraConfig": {"PSK": SECRET}},
        {"kind": "OfALaterVersion", "name": "x", "joinToken": SECRET},
        {"kind": "LinkConfig", "ofALaterVersion": {"privateKey": {"pem": SECRET}}},
        {"kind": "SysctlConfig", "params": {"k": f"-----BEGIN PRIVATE KEY-----\n{SECRET}"}},
        {"kind": "RegistryAuthConfig", "name": f"https://x:{SECRET}@example.org"},
    ],
)
def test_what_no_model_knows_is_judged_by_name_and_looks(given: dict[str, Any]) -> None:
    """Mappings of other programs, and documents of later versions."""
    assert SECRET not in encode([redact(given)])
    assert SECRET not in diff("", encode([given]))


def test_what_is_public_stays() -> None:
    """Names that only look secret, and everything that is in no danger."""
    given = {
        "machine": {
            "registries": {"mirrors": {"secret.example.org": {"endpoints": ["https://a.b/c"]}}},
            "sysctls": {"vm.swappiness": "10"},
            "kubelet": {"extraConfig": {"automountServiceAccountToken": False}},
        },
        "cluster": {"controlPlane": {"endpoint": "https://10.0.0.1:6443"}, "secret": ""},
    }
    assert redact(given) == given


def test_changes_of_hidden_parts_are_seen() -> None:
    """The number of a secret says that the password in a URL is another one."""
    old, new = (
        f"kind: KmsgLogConfig\nname: x\nurl: https://bob:{password}@h/p\n"
        for password in ("one", "two")
    )
    assert [line for line in diff(old, new).splitlines() if line[1:4] == "url"] == [
        "-url: https://secret-1@h/p",
        "+url: https://secret-2@h/p",
    ]


def test_faults_do_not_repeat_secrets() -> None:
    """A URL that is none may be one whose scheme was forgotten."""
    with pytest.raises(ConfigError, match="1 fault") as caught:
        load(f"apiVersion: v1alpha1\nkind: SideroLinkConfig\napiUrl: x?jointoken={SECRET}\n")
    (fault,) = caught.value.faults
    assert "not a URL" in fault
    assert SECRET not in f"{caught.value} {fault}"


def test_what_is_no_configuration_is_not_shown() -> None:
    """A text that is no mapping cannot be told from a secret."""
    with pytest.raises(ConfigError, match="config") as caught:
        redact_text(f"{SECRET}\n")
    assert SECRET not in str(caught.value)
