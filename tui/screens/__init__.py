# SPDX-License-Identifier: Apache-2.0
"""Screens: they compose widgets, own state and start workers."""
