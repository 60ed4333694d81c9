# SPDX-License-Identifier: Apache-2.0
"""The operator's side of the node API."""

import os

# Read when gRPC is loaded: its own log lines would mix with what a command prints.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
