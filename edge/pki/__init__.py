# SPDX-License-Identifier: Apache-2.0
"""Keys, certificates, roles and secrets: the one home of `cryptography`. PEM in, PEM out."""
