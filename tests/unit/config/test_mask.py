# SPDX-License-Identifier: Apache-2.0
"""Secrets by their names and by their looks, in texts and line by line."""

import base64
from itertools import pairwise
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.mask import MASK, LineMask, is_secret_name, mask_text

BODY = st.text("abcdefghijABCDEFGHIJ0123456789+/", min_size=8, max_size=64)
LABEL = st.sampled_from(["PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"])
PLAIN = st.sampled_from(["", "one", "2026-01-01T00:00:00Z apid: ", "x -----END CERTIFICATE-----"])
SECRET = "hunter2.Zq8"


@pytest.mark.parametrize(
    "name",
    [
        *("key", "token", "password", "presharedKey", "bootstrapToken", "joinToken", "authToken"),
        *("apiKey", "api_key", "PRIVATE-KEY", "userPassword", "passwd", "psk", "clientSecret"),
        *("identityKey", "secretboxEncryptionSecret", "tcp_fastopen_key", "Authorization", "env"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    """Whole names and parts of names, however they are spelled."""
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["publicKey", "wireguardPublicKey", "id", "keyboard", "hostname", "image", ""]
)
def test_names_of_others(name: str) -> None:
    """What is public stays."""
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://bob:{SECRET}@host:1/a?x", f"https://{MASK}@host:1/a?{MASK}"),
        (f"siderolink.api=grpc://h:1?jointoken={SECRET} quiet", "api=grpc://h:1?****** quiet"),
        (f"tcp://{SECRET}@10.0.0.1:5", f"tcp://{MASK}@10.0.0.1:5"),
        (f"--token={SECRET} --v=2", f"--token={MASK} --v=2"),
        (f"join --discovery-token {SECRET} --v 2", f"join --discovery-token {MASK} --v 2"),
        (f'{{"joinToken":"{SECRET} {SECRET}","a":1}}', f'{{"joinToken":"{MASK}","a":1}}'),
        (f'said \\"password\\": \\"{SECRET}\\" x', f'said \\"password\\": \\"{MASK}\\" x'),
        (f"Authorization: Bearer {SECRET}", f"Authorization: {MASK}"),
        (f"DB_PASSWORD={SECRET};x", f"DB_PASSWORD={MASK};x"),
    ],
)
def test_looks_of_secrets(text: str, shown: str) -> None:
    """In URLs, arguments, JSON and headers; what is around them stays."""
    assert mask_text(text).endswith(shown)
    assert mask_text(mask_text(text)) == mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://10.0.0.1:6443/version",
        "ghcr.io/some/image@sha256:0123",
        "tokens are renewed",
        "user@host",
        base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n").decode(),
    ],
)
def test_looks_of_others(text: str) -> None:
    """Addresses, images, prose and certificates are as they were."""
    assert mask_text(text) == text


@given(label=LABEL, lines=st.lists(BODY, min_size=1, max_size=60), encode=st.booleans())
def test_keys_in_a_text(label: str, lines: list[str], encode: bool) -> None:
    """Whole or cut off, as they are or in base64, nothing of a key is left."""
    pem = "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"))
    for text in (pem, pem.rpartition("\n")[0]):
        said = base64.b64encode(text.encode()).decode() if encode else text
        assert mask_text(f"a {said}") == f"a {MASK}"


@given(
    label=LABEL,
    lines=st.lists(BODY, min_size=1, max_size=200),
    prefix=st.sampled_from(["", "[apid] ", "2026-01-01 "]),
    before=PLAIN,
    after=PLAIN,
)
def test_keys_line_by_line(
    label: str, lines: list[str], prefix: str, before: str, after: str
) -> None:
    """A log that has a key in it keeps every line but those of the key."""
    key = (f"-----BEGIN {label}-----", *lines, f"-----END {label}-----")
    given_lines = ["first", before + prefix + key[0], *(prefix + each for each in key[1:])]
    given_lines[-1] += after
    masks = LineMask()
    shown = [masks.mask(line) for line in [*given_lines, "last"]]
    assert (shown[0], shown[-1]) == ("first", "last")
    assert shown[1] == before + prefix + MASK
    assert shown[2:-2] == [MASK] * len(lines)
    assert shown[-2] == MASK + after


def test_key_that_never_ends() -> None:
    """It takes no more of a log than a key can have."""
    masks = LineMask()
    shown = [masks.mask(line) for line in ["-----BEGIN PRIVATE KEY-----", *["line"] * 1000]]
    hidden = shown.index("line")
    assert 200 < hidden < 300
    assert set(shown[:hidden]) == {MASK}


@pytest.mark.parametrize(
    "part",
    ["token", "--token-", "://", "://a@", "-----BEGIN PRIVATE KEY-----", "a", "token=\\", "?@"],
)
def test_time_grows_with_the_text_alone(part: str) -> None:
    """Nobody who writes a log makes reading it take for ever."""
    took = []
    for times in (1, 8):
        begin = monotonic()
        mask_text(part * (20_000 * times // len(part)))
        took.append(monotonic() - begin)
    # Quadratic time would be 64 times as much.
    assert all(later < 32 * sooner + 0.2 for sooner, later in pairwise(took))
