# SPDX-License-Identifier: Apache-2.0
"""Tell secrets by their names and by their looks, where no model says what is one.

What looks like a secret and is none is hidden as well: that costs a reader less than the
opposite costs the owner. All patterns take time in proportion to the text.
"""

import base64
import binascii
import re
from collections.abc import Callable
from functools import partial

MASK = "******"

Mask = Callable[[str], str]

_KEY_LINES = 256
"""No key has more lines; after so many one that was cut off is over."""

_WORD = r"(?:token|passw(?:or)?d|passphrase|psk|secret|(?:api|access|private|shared)[-_]?key)"
_NAME = re.compile(
    r"psk|auth|authorization|bearer|cookie|jwt|env|environment|(?!.*public).*key"
    r"|.*(?:secret|private|credential|token|passw(?:or)?d|passphrase|psk"
    r"|(?:api|access|private|shared|encryption|signing)key).*"
)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# How "-----BEGIN " begins in base64, which is how configurations have their keys.
_ENCODED_PEM = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]+")
_URL = re.compile(r"://([^\s\"'<>\\]+)")
_USER = re.compile(r"[^/?#]*@")
_ASSIGNED = re.compile(
    rf"((?:{_WORD}|authorization)[\w-]{{0,32}}\\?[\"']?[ \t]{{0,3}}[:=][ \t]{{0,3}})(\\?[\"'])?"
    r"((?(2)(?:[^\"'\\\n]|\\[^\"'])+|(?:(?:Bearer|Basic) +)?[^\s\"'\\,;&]+))",
    re.IGNORECASE,
)
_FLAG = re.compile(
    rf"(--[\w-]{{0,32}}?{_WORD}[\w-]{{0,32}}[ \t]+)()([^\s\"'\\,;&-][^\s\"'\\,;&]*)", re.IGNORECASE
)


def is_secret_name(name: str) -> bool:
    """Say whether what is called `name` is kept to oneself as a rule."""
    return bool(_NAME.fullmatch(re.sub(r"[^a-z0-9]", "", name.lower())))


def mask_text(text: str, mask: Mask = lambda _: MASK) -> str:
    """Return `text` with `mask` in place of what looks secret.

    That is private keys, who is named in a URL and what is asked in it, and values that are
    said to be a password or the like.
    """
    text = _PEM.sub(lambda match: mask(match[0]), text)
    text = _ENCODED_PEM.sub(lambda match: _mask_encoded(match[0], mask), text)
    text = _URL.sub(lambda match: "://" + _mask_url(match[1], mask), text)
    for pattern in (_ASSIGNED, _FLAG):
        text = pattern.sub(partial(_mask_assigned, mask=mask), text)
    return text


class LineMask:
    """Masks a text that comes line by line, and keys in it that go over many lines."""

    def __init__(self) -> None:
        self._left = 0
        """So many lines may still belong to a key that has not ended."""

    def mask(self, line: str) -> str:
        """Return the next line, masked."""
        shown = ""
        if self._left:
            end = _PEM_END.search(line)
            self._left = 0 if end else self._left - 1
            if not end:
                return MASK
            shown, line = MASK, line[end.end() :]
        if any(not match[1] for match in _PEM.finditer(line)):
            self._left = _KEY_LINES
        return shown + mask_text(line)


def _mask_encoded(text: str, mask: Mask) -> str:
    try:
        plain = base64.b64decode(text[: len(text) & ~3])
    except binascii.Error:
        return mask(text)
    return mask(text) if b"PRIVATE KEY" in plain else text


def _mask_url(text: str, mask: Mask) -> str:
    user = _USER.match(text)
    shown = ""
    if user:
        shown, text = mask(user[0][:-1]) + "@", text[user.end() :]
    place, mark, question = text.partition("?")
    return shown + place + mark + (mask(question) if question else "")


def _mask_assigned(match: re.Match[str], *, mask: Mask) -> str:
    return f"{match[1]}{match[2] or ''}{mask(match[3])}"
