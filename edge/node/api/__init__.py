# SPDX-License-Identifier: Apache-2.0
"""The node's gRPC server: transport, authorisation, and one module a group of calls."""

import os

# Read when gRPC is loaded: every stranger's failed handshake would be a line on the console.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
