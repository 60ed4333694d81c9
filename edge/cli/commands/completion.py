# SPDX-License-Identifier: Apache-2.0
"""`edgectl completion`: what a shell needs to complete edgectl's command lines."""

import click


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print the completion script for SHELL.

    For example, in ~/.bashrc: source <(edgectl completion bash)
    """
    from click.shell_completion import get_completion_class

    from edge.cli.main import cli
    from edge.cli.shell import use_bash_lines

    use_bash_lines()
    found = get_completion_class(shell)
    assert found, "click completes these shells"
    click.echo(found(cli, {}, "edgectl", "_EDGECTL_COMPLETE").source())
