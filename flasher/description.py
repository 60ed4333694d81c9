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
