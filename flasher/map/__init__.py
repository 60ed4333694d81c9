# SPDX-License-Identifier: Apache-2.0
"""Which bytes of an image are data, which are zero, and which nobody reads."""

from flasher.map.bmap import Bmap, parse_bmap, read_bmap, write_bmap
from flasher.map.image import MapObserver, map_bmap, map_raw
from flasher.map.mapping import GAP_BYTES, Mapping, RangeCheck
from flasher.map.sparse import data_ranges

__all__ = [
    "GAP_BYTES",
    "Bmap",
    "MapObserver",
    "Mapping",
    "RangeCheck",
    "data_ranges",
    "map_bmap",
    "map_raw",
    "parse_bmap",
    "read_bmap",
    "write_bmap",
]
