# SPDX-License-Identifier: Apache-2.0
"""Container images that an extension brings: OCI archives, looked at before they are put in.

archive.tar ── oci-layout
            ├─ index.json ──► manifest (or an index of several) ──► configuration: architecture
            └─ blobs/sha256/…
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from boards.profile import Arch


def check_archive(path: Path, arch: Arch) -> None:
    """Find out that the file is an OCI archive with an image for `arch`.

    Raises:
        ValueError: with what is wrong with it.
    """
    try:
        with tarfile.open(path) as archive:
            if "oci-layout" not in archive.getnames():
                raise ValueError("is a tar file but no OCI archive: it has no oci-layout")
            found = sorted(set(_architectures(archive, _read(archive, "index.json"))))
    except (tarfile.TarError, OSError) as error:
        raise ValueError(f"is no OCI archive: {error}") from error
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"is a damaged OCI archive: {error!r}") from error
    if arch not in found:
        raise ValueError(f"is an image for {', '.join(found) or 'nothing'}, not for {arch}")


def _architectures(archive: tarfile.TarFile, index: Any) -> Iterator[str]:
    names = frozenset(archive.getnames())
    for each in index["manifests"]:
        if _blob(each) not in names:
            # An archive for one platform keeps the index of all.
            continue
        document = _read(archive, _blob(each))
        if "manifests" in document:
            yield from _architectures(archive, document)
        else:
            yield str(_read(archive, _blob(document["config"])).get("architecture", ""))


def _blob(descriptor: Any) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def _read(archive: tarfile.TarFile, name: str) -> Any:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"is a damaged OCI archive: {name} is no file")
    return json.load(file)
