# SPDX-License-Identifier: Apache-2.0
"""Make `python -m edge` the same as `edgectl`."""

from edge.cli.main import main

main()
