# SPDX-License-Identifier: Apache-2.0
"""The node's gRPC server: transport, authorisation, and one module a group of calls."""
