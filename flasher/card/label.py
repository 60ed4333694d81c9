# SPDX-License-Identifier: Apache-2.0
"""Labels for finished cards: lines for people, a QR code for scanners, never a secret."""

import io
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from xml.sax.saxutils import escape

import segno

from edge.errors import EdgeError
from flasher.record import Card

SCHEME = "edge-card"
_FIELDS = ("name", "tag", "enrolment", "fingerprint")
_PNG_SCALE = 8
_LINE, _CHARACTER, _MARGIN = 5, 3, 4  # in modules of the code, for the drawn label


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What tells one card from another, and leads back to its record."""

    name: str = ""
    tag: str = ""
    enrolment: str = ""
    fingerprint: str = ""
    details: tuple[str, ...] = ()
    """Further lines for people; not in the code."""


def make_label(card: Card) -> Label:
    """Return the label of a card that was flashed."""
    attempt = card.attempt
    host = attempt.hostname if attempt.hostname != attempt.card_name else ""
    what = " ".join(word for word in (attempt.board, attempt.version) if word)
    when = f"card {card.id}, {attempt.started:%Y-%m-%d}"
    return Label(
        name=attempt.card_name or attempt.hostname,
        tag=attempt.asset_tag,
        enrolment=attempt.enrolment_id or "",
        fingerprint=attempt.fingerprint or "",
        details=tuple(line for line in (host, what, when) if line),
    )


def label_uri(label: Label) -> str:
    """Return what the code says: `edge-card:?name=…&enrolment=…`, empty fields left out."""
    fields = {name: getattr(label, name) for name in _FIELDS}
    given = {name: value for name, value in fields.items() if value}
    return f"{SCHEME}:?{urlencode(given, quote_via=quote)}"


def read_label(text: str) -> Label | None:
    """Return the label whose code says `text`, or None when that is something else."""
    parts = urlsplit(text.strip())
    if parts.scheme != SCHEME:
        return None
    found = dict(parse_qsl(parts.query))
    return Label(
        name=found.get("name", ""),
        tag=found.get("tag", ""),
        enrolment=found.get("enrolment", ""),
        fingerprint=found.get("fingerprint", ""),
    )


def label_lines(label: Label) -> list[str]:
    """Return the lines that people read."""
    named = [
        f"{word} {value}"
        for word, value in (
            ("tag", label.tag),
            ("enrolment", label.enrolment),
            ("fingerprint", label.fingerprint),
        )
        if value
    ]
    return [line for line in (label.name, *label.details, *named) if line]


def label_text(label: Label) -> str:
    """Return the label for a terminal: the code in half blocks, and the lines below it."""
    out = io.StringIO()
    _code(label).terminal(out=out, compact=True, border=2)
    return "\n".join((out.getvalue().rstrip("\n"), *label_lines(label)))


def label_svg(label: Label) -> str:
    """Return the label as a drawing, the lines to the right of the code."""
    code, lines = _code(label), label_lines(label)
    side = code.symbol_size(border=_MARGIN)[0]
    width = side + _MARGIN + max(len(line) for line in lines) * _CHARACTER
    height = max(side, (len(lines) + 2) * _LINE)
    texts = "".join(
        f'<text x="{side}" y="{_MARGIN + (at + 1) * _LINE}" font-family="monospace"'
        f' font-size="{_LINE - 1}">{escape(line)}</text>'
        for at, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<rect width="100%" height="100%" fill="#fff"/>{code.svg_inline(border=_MARGIN)}{texts}'
        "</svg>\n"
    )


def write_label(label: Label, path: Path) -> None:
    """Write the label to `path`: `.svg` is the whole of it, `.png` the code alone.

    Raises:
        EdgeError: when it is neither, or cannot be written.
    """
    kind = path.suffix.lower()
    try:
        if kind == ".svg":
            path.write_text(label_svg(label), encoding="utf-8")
        elif kind == ".png":
            _code(label).save(str(path), kind="png", scale=_PNG_SCALE)
        else:
            raise EdgeError(f"{path} is neither .svg nor .png", hint="end its name in one of them")
    except OSError as error:
        raise EdgeError(
            f"writing {path}: {error.strerror}", hint="name a file in a folder that you may write"
        ) from error


def _code(label: Label) -> segno.QRCode:
    return segno.make_qr(label_uri(label), error="m")
