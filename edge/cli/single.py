# SPDX-License-Identifier: Apache-2.0
"""Commands that are for exactly one node."""

import click

from edge.cli.nodes import Access


def only_node(access: Access, verb: str) -> Access:
    """Return `access` if it is for one node.

    Raises:
        click.UsageError: when it is for several.
    """
    if len(access.nodes) > 1:
        raise click.UsageError(
            f"{verb} is for one node at a time, not for {access.spelled}: name it with -n"
        )
    return access
