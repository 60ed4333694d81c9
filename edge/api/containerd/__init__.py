# SPDX-License-Identifier: Apache-2.0
"""Protocol of containerd on the node: generated from the definitions beside."""
