# SPDX-License-Identifier: Apache-2.0
"""edgectl: boards from a blank card to a running, monitored edge cluster.

`edge` is the public surface of this distribution; the neighbouring top-level packages
(`boards`, `flasher`, `discovery`, `tui`, `overlays`) are its parts.
"""

__version__ = "0.1.0"
