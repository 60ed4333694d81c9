# SPDX-License-Identifier: Apache-2.0
"""Bootable images, built in user space: the same inputs give the same bytes."""
