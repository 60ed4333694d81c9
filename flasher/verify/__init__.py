# SPDX-License-Identifier: Apache-2.0
"""Static checks of a built image: everything about it that can be proved without the hardware.

Nothing is mounted and nothing needs root: the file systems are read here, by readers that share
no code with what wrote them, or by the programs that repair them, which only look.
"""

from flasher.verify.check import Check, Finding, Verdict
from flasher.verify.suite import CHECKS, Report, verify_image

__all__ = ["CHECKS", "Check", "Finding", "Report", "Verdict", "verify_image"]
