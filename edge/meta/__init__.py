# SPDX-License-Identifier: Apache-2.0
"""The META key/value store on a node's disk."""
