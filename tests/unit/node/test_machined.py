# SPDX-License-Identifier: Apache-2.0
"""The process that is the node, before anything runs in it."""

import resource

from edge.node.machined import OPEN_FILES, _allow_open_files


def test_a_process_may_open_as_many_files_as_it_is_allowed() -> None:
    """Also where the upper limit is not its own to raise."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        _allow_open_files()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == min(hard, OPEN_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
