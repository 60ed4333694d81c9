# SPDX-License-Identifier: Apache-2.0
"""What PID 1 needs, in the standard library alone: mounts, modules, supervision, reboot."""
