# SPDX-License-Identifier: Apache-2.0
"""Debian as the source of images: releases, packages fetched without root, kernel modules."""
