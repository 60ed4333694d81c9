# SPDX-License-Identifier: Apache-2.0
"""Programs that a check asks and can do without: then it says that it did not check."""

import os
import shutil


def find_tool(program: str) -> str | None:
    """Return the path of a program of this host, looking where ordinary users' PATH does not."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)
