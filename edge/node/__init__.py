# SPDX-License-Identifier: Apache-2.0
"""What runs on the board: PID 1, the supervisor, machined and its controllers."""
