# SPDX-License-Identifier: Apache-2.0
"""Readers of what an image is made of, apart from the code that writes it."""
