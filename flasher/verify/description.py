# SPDX-License-Identifier: Apache-2.0
"""The check of the description beside an image: what it says of the file must be true."""

from flasher.verify.check import Check, Outcome, judge, not_applicable
from flasher.verify.subject import Subject


def _check_description(subject: Subject) -> Outcome:
    described = subject.described
    if described is None:
        return not_applicable(f"there is no {subject.path.name}.json beside the image")
    wanted = {
        "board": subject.profile.name,
        "arch": subject.profile.arch,
        "size_bytes": subject.size_bytes,
        "sha256": subject.digest(),
    }
    faults = [
        f"{key} is {value} and the description says {described.get(key)}"
        for key, value in wanted.items()
        if described.get(key) != value
    ]
    return judge(faults, f"{subject.size_bytes} bytes, sha256 {wanted['sha256']}")


CHECKS = (
    Check(
        name="description",
        rule="size, checksum and board in the description beside the image are the image's own",
        evidence="source",
        run=_check_description,
    ),
)
