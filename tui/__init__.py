# SPDX-License-Identifier: Apache-2.0
"""The terminal interface, drawn with Textual over the same functions as the command line."""
