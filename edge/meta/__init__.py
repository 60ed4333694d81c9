# SPDX-License-Identifier: Apache-2.0
"""META, the small key/value store of a card: wire format, keys, partition and enrolment.

Standard library only and quick to import: the flasher, PID 1 and the node all use it.
"""
