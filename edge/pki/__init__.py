# SPDX-License-Identifier: Apache-2.0
"""Keys, certificates, roles and secrets bundles; the one home of cryptography."""
