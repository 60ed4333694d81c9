# SPDX-License-Identifier: Apache-2.0
"""The node API: our protocol definitions and the modules generated from them."""
