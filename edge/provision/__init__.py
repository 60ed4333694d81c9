# SPDX-License-Identifier: Apache-2.0
"""Sequences over nodes and sites: the lab, the emulator, the demonstration."""
