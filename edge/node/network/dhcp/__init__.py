# SPDX-License-Identifier: Apache-2.0
"""DHCPv4 (RFC 2131): packets and the dialogue without any socket, and a client of both."""
