# SPDX-License-Identifier: Apache-2.0
"""Typed documents that describe the node: kinds, the store, and their wire form."""
