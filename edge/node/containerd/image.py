# SPDX-License-Identifier: Apache-2.0
"""Images: what a reference means, and what this machine's part of an image consists of.

```
 name ──► index ──► manifest of this architecture ──► configuration ──► diff ids ──► chain ids
                                  └────────────────► layers
```
A layer is unpacked when there is a snapshot named after its chain id.
"""

import hashlib
import platform
import re
from dataclasses import dataclass
from typing import Any

from edge.api.containerd import image_pb2
from edge.errors import ConfigError, ImageError
from edge.node.containerd.client import Containerd, MissingError

SNAPSHOTTER = "overlayfs"
_ARCHITECTURES = {
    "aarch64": "arm64",
    "armv6l": "arm",
    "armv7l": "arm",
    "i686": "386",
    "x86_64": "amd64",
}
_INDEXES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<repository>(?:(?P<host>{_HOST}(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?)/)?"
    rf"{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)
_LONGEST = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of an image; `chain_id` stands for it and all below it, unpacked."""

    digest: str
    size_bytes: int
    chain_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """This machine's part of an image."""

    layers: tuple[Layer, ...]
    size_bytes: int
    """With all documents that lead to the layers."""


def full_reference(text: str) -> str:
    """Return a reference with host, and tag or digest, as containerd wants it.

    Raises:
        ConfigError: when it is none.
    """
    match = _REFERENCE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ConfigError(
            f"{text[:_LONGEST]!r} is no image: write HOST/NAME:TAG or HOST/NAME@sha256:DIGEST"
        )
    repository, tag, digest = match["repository"], match["tag"], match["digest"]
    host, slash, rest = repository.partition("/")
    if not slash or not (set(".:[") & set(host) or host == "localhost"):
        host, rest = "docker.io", repository
        if not slash:
            rest = f"library/{repository}"
    if rest != rest.lower():
        raise ConfigError(f"{text!r} is no image: names have no capitals")
    # With a digest a tag says nothing more.
    return f"{host}/{rest}@{digest}" if digest else f"{host}/{rest}:{tag or 'latest'}"


def pinned(reference: str, digest: str) -> str:
    """Return a full reference that will always mean the same image."""
    if "@" in reference:
        return reference
    repository, colon, tag = reference.rpartition(":")
    return f"{repository if colon and '/' not in tag else reference}@{digest}"


async def read_content(containerd: Containerd, image: image_pb2.Image) -> Content:
    """Return what this machine's part of an image consists of.

    Raises:
        ImageError: when the image is not for this machine.
        MissingError: when a document of it is not in the store.
    """
    target = image.target
    size_bytes = target.size
    manifest = await containerd.document(target.digest)
    if target.media_type in _INDEXES or "manifests" in manifest:
        chosen = _choose(image.name, manifest)
        size_bytes += chosen["size"]
        manifest = await containerd.document(chosen["digest"])
    try:
        config = await containerd.document(manifest["config"]["digest"])
        layers = _layers(manifest["layers"], config["rootfs"]["diff_ids"])
        size_bytes += manifest["config"]["size"] + sum(each.size_bytes for each in layers)
    except (KeyError, TypeError, ValueError) as error:
        raise ImageError(f"image {image.name} has a manifest that cannot be read") from error
    return Content(layers=layers, size_bytes=size_bytes)


async def is_complete(containerd: Containerd, image: image_pb2.Image) -> bool:
    """Say whether this machine's part of an image is there and unpacked."""
    try:
        content = await read_content(containerd, image)
    except (MissingError, ImageError):
        return False
    sizes = [await containerd.blob_size(each.digest) for each in content.layers]
    if not content.layers or None in sizes:
        return not content.layers
    return await containerd.is_unpacked(SNAPSHOTTER, content.layers[-1].chain_id)


def _choose(name: str, index: dict[str, Any]) -> dict[str, Any]:
    machine = platform.machine()
    wanted = ("linux", _ARCHITECTURES.get(machine, machine))
    for each in index.get("manifests", ()):
        made_for = each.get("platform", {})
        if (made_for.get("os"), made_for.get("architecture")) == wanted:
            return dict(each)
    # An index of one manifest need not say what it is for.
    if len(only := index.get("manifests", ())) == 1 and "platform" not in only[0]:
        return dict(only[0])
    raise ImageError(f"image {name} is not made for {'/'.join(wanted)}")


def _layers(layers: list[dict[str, Any]], diff_ids: list[str]) -> tuple[Layer, ...]:
    chain, found = "", []
    for layer, diff_id in zip(layers, diff_ids, strict=True):
        joined = hashlib.sha256(f"{chain} {diff_id}".encode()).hexdigest()
        chain = f"sha256:{joined}" if chain else diff_id
        found.append(Layer(digest=layer["digest"], size_bytes=layer["size"], chain_id=chain))
    return tuple(found)
