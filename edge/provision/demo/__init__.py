# SPDX-License-Identifier: Apache-2.0
"""The demonstration: one virtual board from its profile to a configured, monitored node."""
