# SPDX-License-Identifier: Apache-2.0
"""The operator's side of the node API."""
