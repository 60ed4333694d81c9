# SPDX-License-Identifier: Apache-2.0
"""`edgectl image`: bootable images built and checked here, and container images of nodes."""

import click

from edge.cli.commands.image_build import build
from edge.cli.commands.image_node import import_, list_, pull, remove
from edge.cli.commands.image_verify import verify

# other names that people's fingers know -> command name
_ALIASES = {"l": "list", "ls": "list", "p": "pull", "rm": "remove"}


class ImageGroup(click.Group):
    """The group, with other names for some of its commands."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name or alias."""
        return super().get_command(ctx, _ALIASES.get(cmd_name, cmd_name))


@click.group(name="image", cls=ImageGroup)
def command() -> None:
    """Build and check bootable images; list, pull, import and remove container images."""


for each in (build, import_, list_, pull, remove, verify):
    command.add_command(each)
