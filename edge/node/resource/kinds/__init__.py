# SPDX-License-Identifier: Apache-2.0
"""The kinds of resources by area; `edge.node.resource.kind` has them all."""
