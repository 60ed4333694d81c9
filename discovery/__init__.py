# SPDX-License-Identifier: Apache-2.0
"""Finding nodes on the local network by multicast DNS."""
