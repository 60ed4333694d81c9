# SPDX-License-Identifier: Apache-2.0
"""Checks of what somebody added to an image: META values and extensions."""

from edge.meta import keys
from edge.meta.adv import STORE_BYTES, parse_store
from flasher.verify.check import Check, Outcome, failed, judge, not_applicable
from flasher.verify.subject import Subject

_NEVER = keys.OWN_KEYS | keys.SECRET_KEYS


def _check_meta(subject: Subject) -> Outcome:
    part = subject.partition("META")
    if part.size_bytes < STORE_BYTES:
        return failed(f"META has {part.size_bytes} bytes, the store takes {STORE_BYTES}")
    subject.file.seek(part.start_bytes)
    values = parse_store(subject.file.read(STORE_BYTES))
    subject.file.seek(part.start_bytes + STORE_BYTES)
    faults = [
        f"it brings a value for {keys.key_name(key)}, which is one node's own"
        for key in sorted(values.keys() & _NEVER)
    ]
    if any(subject.file.read(part.size_bytes - STORE_BYTES)):
        faults.append("there is something behind the store")
    names = ", ".join(keys.key_name(key) for key in sorted(values))
    return judge(faults, f"values for {names}" if names else "blank: the node fills it")


def _check_extensions(subject: Subject) -> Outcome:
    records = subject.identity.get("extensions", [])
    brought = [
        (record["name"], path.strip("/"))
        for record in records
        for kind in ("programs", "images")
        for path in record.get(kind, ())
    ]
    if not records:
        return not_applicable("this image has no extensions")
    faults = [
        f"/{path} is not in the root, which extension {name} brings"
        for name, path in brought
        if path not in subject.root
    ]
    names = ", ".join(f"{record['name']} {record['version']}" for record in records)
    return judge(faults, names)


CHECKS = (
    Check(
        name="meta",
        rule="META is where the node looks for it, readable, and holds no node's key or secret",
        evidence="source",
        run=_check_meta,
    ),
    Check(
        name="extensions",
        rule="programs and images of the extensions that the image names are in the root",
        evidence="source",
        run=_check_extensions,
    ),
)
