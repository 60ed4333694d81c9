# SPDX-License-Identifier: Apache-2.0
"""What rtnetlink(7) looks like on its socket, with the standard library alone."""
