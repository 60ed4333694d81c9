# SPDX-License-Identifier: Apache-2.0
"""The containerd of this node: containers and images, asked for over its socket.

Nothing here starts a containerd. Where none runs, every call says so.
"""
