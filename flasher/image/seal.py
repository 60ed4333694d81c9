# SPDX-License-Identifier: Apache-2.0
"""The seal of a root file system: one hash over all of its files, by which damage is found.

The blocks of a squashfs have no checksums, and some are stored as they are.
"""

import json
import os
from collections.abc import Iterator
from hashlib import file_digest, sha256
from pathlib import Path

IDENTITY = "etc/edge/image.json"
SEAL = "files_sha256"


def seal_root(root: Path) -> None:
    """Write the hash of everything in `root` into what the image says of itself there."""
    path = root / IDENTITY
    document = json.loads(path.read_text())
    document[SEAL] = hash_files(root)
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


def hash_files(root: Path) -> str:
    """Return the SHA-256 over names, contents and links below `root`, but for the identity."""
    lines = sha256()
    for name, path in _files(root):
        if path.is_symlink():
            told = f"link {path.readlink()}"
        elif path.is_file():
            with path.open("rb") as file:
                told = f"file {file_digest(file, 'sha256').hexdigest()}"
        else:
            told = "neither"  # a device or a pipe, whose contents have no end
        lines.update(f"{name}\0{told}\0".encode(errors="surrogateescape"))
    return lines.hexdigest()


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield files and links by name, sorted; a link to a folder is a link."""
    found = []
    for folder, folders, files in os.walk(root):
        paths = [Path(folder, name) for name in (*folders, *files)]
        found += [path for path in paths if path.is_symlink() or not path.is_dir()]
    names = sorted((path.relative_to(root).as_posix(), path) for path in found)
    return ((name, path) for name, path in names if name != IDENTITY)
