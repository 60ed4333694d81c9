# SPDX-License-Identifier: Apache-2.0
"""A rotation that is under way, kept in a file until it is finished.

The file holds the key of the new authority: lost half-way, nothing could issue from it any more.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge.client.rotate import Rotation
from edge.client.trust import Mutual
from edge.config.file import write_file
from edge.errors import ConfigError
from edge.pki.certificate import KeyPair, inspect, issue_client, new_ca
from edge.pki.lifetime import CLIENT_LIFETIME
from edge.pki.role import Role
from edge.text import read_text

SUFFIX = ".rotation"


def rotation_path(talosconfig: Path) -> Path:
    """Return where an unfinished rotation of this client configuration is kept."""
    return talosconfig.with_name(talosconfig.name + SUFFIX)


def begin_rotation(
    old: Mutual, *, now: datetime, lifetime: timedelta = CLIENT_LIFETIME
) -> Rotation:
    """Make a new authority, and from it a certificate with the roles that `old` has."""
    facts = inspect(old.crt)
    authority = new_ca("talos", now=now)
    roles = facts.organizations or (str(Role.ADMIN),)
    client = issue_client(
        authority, roles, now=now, common_name=facts.common_name, lifetime=lifetime
    )
    return Rotation(old=old, new=authority, client=client)


def save_rotation(path: Path, rotation: Rotation, *, context: str) -> None:
    """Keep `rotation` of the context named `context`, readable by its owner alone."""
    document = {
        "context": context,
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "old": {name: _encode(getattr(rotation.old, name)) for name in ("ca", "crt", "key")},
        "new": _dump(rotation.new),
        "client": _dump(rotation.client),
    }
    write_file(path, json.dumps(document, indent=2) + "\n")


def load_rotation(path: Path, *, context: str) -> Rotation | None:
    """Return the unfinished rotation of `context`, or nothing when there is none.

    Raises:
        ConfigError: when the file cannot be used, or is about another context.
    """
    if not path.exists():
        return None
    try:
        document = json.loads(read_text(path))
        known = str(document["context"])
        old = {name: _decode(document["old"][name]) for name in ("ca", "crt", "key")}
        rotation = Rotation(
            old=Mutual(**old), new=_load(document["new"]), client=_load(document["client"])
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} does not hold a rotation: {type(error).__name__}",
            hint="it may have the only key of a new authority: look before deleting it",
        ) from error
    if known != context:
        raise ConfigError(
            f"{path} holds an unfinished rotation of the context {known!r}",
            hint="finish that one first:"
            f" edgectl rotate-ca -n NODES --context {known} --dry-run=false",
        )
    return rotation


def _dump(pair: KeyPair) -> dict[str, str]:
    return {"crt": _encode(pair.certificate), "key": _encode(pair.key)}


def _load(fields: Any) -> KeyPair:
    return KeyPair(certificate=_decode(fields["crt"]), key=_decode(fields["key"]))


def _encode(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
