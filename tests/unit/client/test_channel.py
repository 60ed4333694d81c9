# SPDX-License-Identifier: Apache-2.0
"""Options for the gRPC library, which takes any name and says nothing of one it does not know."""

from importlib import import_module
from pathlib import Path

import pytest

from edge.client import channel
from edge.node.api import server


@pytest.mark.parametrize("option", [name for name, _ in (*channel._OPTIONS, *server._OPTIONS)])
def test_library_knows_the_option(option: str) -> None:
    """The name of every option that we set stands in the library."""
    library = import_module("grpc._cython.cygrpc").__file__
    assert library
    assert option.encode() in Path(library).read_bytes()
