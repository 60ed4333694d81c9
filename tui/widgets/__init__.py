# SPDX-License-Identifier: Apache-2.0
"""Widgets: they take plain values and post messages, and never wait for anything."""
