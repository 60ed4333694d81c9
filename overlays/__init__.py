# SPDX-License-Identifier: Apache-2.0
"""Board support as data: device-tree overlays, firmware and boot-loader configuration."""
