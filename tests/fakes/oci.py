# SPDX-License-Identifier: Apache-2.0
"""Container images made on the spot: blobs, and the archive that holds them."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


@dataclass(frozen=True, slots=True, kw_only=True)
class OciImage:
    """An index with a manifest for this machine and one for another."""

    digest: str
    """The index's."""
    manifest: str
    layers: tuple[str, ...]
    blobs: Mapping[str, bytes] = field(repr=False)

    @property
    def size_bytes(self) -> int:
        """Return what this machine's part of the image takes, the index included."""
        config = json.loads(self.blobs[self.manifest])["config"]["digest"]
        return sum(
            len(self.blobs[each]) for each in (self.digest, self.manifest, config, *self.layers)
        )

    def media_type(self, digest: str) -> str:
        """Return the type of a manifest or an index."""
        return str(json.loads(self.blobs[digest])["mediaType"])

    def archive(self, name: str = "") -> bytes:
        """Return the image as an archive that gives it `name`."""
        named = {"annotations": {"io.containerd.image.name": name}} if name else {}
        index = _pointer(self.blobs[self.digest], _INDEX) | named
        files = {
            "oci-layout": json.dumps({"imageLayoutVersion": "1.0.0"}).encode(),
            "index.json": json.dumps({"schemaVersion": 2, "manifests": [index]}).encode(),
            **{f"blobs/{key.replace(':', '/')}": data for key, data in self.blobs.items()},
        }
        return _tar(files)


def make_image(
    layers: Sequence[Mapping[str, bytes]], *, command: Sequence[str] = ("/bin/sh",)
) -> OciImage:
    """Make an image whose layers have these files; all of them may be executed."""
    blobs: dict[str, bytes] = {}
    tars = [_tar(files) for files in layers]
    pointers = [_add(blobs, gzip.compress(tar, mtime=0), _LAYER) for tar in tars]
    config = {
        "architecture": ARCH,
        "os": "linux",
        "config": {"Cmd": list(command), "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(tar) for tar in tars]},
    }
    manifest = _add_manifest(blobs, config, pointers)
    other = _pointer(b"somebody else's manifest", _MANIFEST)
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [
            other | {"platform": {"os": "linux", "architecture": "s390x"}},
            manifest | {"platform": {"os": "linux", "architecture": ARCH}},
        ],
    }
    made = _add(blobs, json.dumps(index).encode(), _INDEX)
    return OciImage(
        digest=str(made["digest"]),
        manifest=str(manifest["digest"]),
        layers=tuple(str(each["digest"]) for each in pointers),
        blobs=blobs,
    )


def _add_manifest(
    blobs: dict[str, bytes], config: object, layers: list[dict[str, object]]
) -> dict[str, object]:
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _add(blobs, json.dumps(config).encode(), _CONFIG),
        "layers": layers,
    }
    return _add(blobs, json.dumps(manifest).encode(), _MANIFEST)


def _add(blobs: dict[str, bytes], data: bytes, media_type: str) -> dict[str, object]:
    blobs[_digest(data)] = data
    return _pointer(data, media_type)


def _pointer(data: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()
