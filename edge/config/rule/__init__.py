# SPDX-License-Identifier: Apache-2.0
"""Validation rules by area; each yields what it finds and none stops at the first."""
