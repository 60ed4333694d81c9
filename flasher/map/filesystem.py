# SPDX-License-Identifier: Apache-2.0
"""Which file system a partition holds, and what that leaves free."""

from flasher.map.ext4 import is_ext, survey_ext
from flasher.map.fat import is_fat, survey_fat
from flasher.map.survey import Survey
from flasher.ranges import Range

_BOOT_BYTES = 2048

# Where others leave their signature without touching an older superblock or boot sector.
_OTHERS = (
    (0, b"LUKS\xba\xbe"),
    (0, b"XFSB"),
    (0, b"hsqs"),
    (0, b"\xfc\x4e\x2b\xa9"),  # RAID, with its superblock in front
    *((sector * 512, b"LABELONE") for sector in (0, 1, 3)),
)


def survey_partition(size_bytes: int) -> Survey:
    """Find what the file system of a partition of `size_bytes` leaves free.

    Raises:
        UnsureError: when it is not one that is known and clean.
    """
    boot = yield Range(0, _BOOT_BYTES)
    if any(boot[at:].startswith(magic) for at, magic in _OTHERS) or is_ext(boot) == is_fat(boot):
        return ()
    survey = survey_ext if is_ext(boot) else survey_fat
    return (yield from survey(boot, size_bytes))
