# SPDX-License-Identifier: Apache-2.0
"""Questions before something is lost."""

import sys

import click


def confirm(question: str, *, yes: bool) -> None:
    """Ask on stderr unless `yes`; only "y" or "yes" goes on.

    Raises:
        click.Abort: when the answer is no.
        click.UsageError: when nobody is there to be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked: add --yes")
    click.confirm(question, abort=True, err=True)
