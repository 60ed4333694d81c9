# SPDX-License-Identifier: Apache-2.0
"""How long certificates are for; upstream's figures."""

from datetime import timedelta

CA_LIFETIME = timedelta(hours=87600)
CLIENT_LIFETIME = timedelta(days=365)
SERVER_LIFETIME = timedelta(hours=24)
BACKDATE = timedelta(hours=1)
"""Certificates start this much before they are made, for clocks that lag."""
