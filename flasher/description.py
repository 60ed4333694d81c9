# SPDX-License-Identifier: Apache-2.0
"""The description that a build writes beside its image, for whoever finds the image later."""

import json
from pathlib import Path


def read_description(image: Path) -> dict[str, str]:
    """Return what the build wrote beside `image`: board, version, sha256; nothing if it did not."""
    try:
        found = json.loads(image.with_name(f"{image.name}.json").read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def describes(image: Path, sha256: str) -> bool:
    """Tell whether the description beside `image` is of this very image.

    By the digest where it is known, else by age: a build writes the description last.
    """
    if sha256:
        return read_description(image).get("sha256") == sha256
    try:
        beside = image.with_name(f"{image.name}.json").stat()
        return beside.st_mtime_ns >= image.stat().st_mtime_ns
    except OSError:
        return False
