# SPDX-License-Identifier: Apache-2.0
"""Controllers: each turns part of the configuration into reality and publishes what it sees."""
