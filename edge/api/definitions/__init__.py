# SPDX-License-Identifier: Apache-2.0
"""Specifications of the resources a node publishes, one module an area."""
