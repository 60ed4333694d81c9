# SPDX-License-Identifier: Apache-2.0
"""Links, addresses and routes: by netlink on a board, by declaration in the lab."""
