# SPDX-License-Identifier: Apache-2.0
"""Device trees: read, have overlays merged in by libfdt, and be checked."""
