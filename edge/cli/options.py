# SPDX-License-Identifier: Apache-2.0
"""The options that say which nodes a command is for, accepted before a command and after it."""

from binascii import a2b_base64
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.switch import spell_out_switches

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem as Item

_META_KEY = "edge.cli.targets"
_DIGEST_BYTES = 32  # SHA-256's; hashlib would take a quarter of the time that --help has


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What the user said about nodes; lists given before and after the command add up."""

    nodes: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    context: str | None = None
    talosconfig: Path | None = None

    def with_given(self, name: str, value: Any) -> "Targets":
        """Return these targets with one more option taken in; the later one wins."""
        if name in ("nodes", "endpoints"):
            value = tuple(dict.fromkeys((*getattr(self, name), *_split(value))))
        return replace(self, **{name: value})


def given_targets() -> Targets:
    """Return what the running command line says about nodes."""
    targets: Targets = click.get_current_context().meta.get(_META_KEY, Targets())
    return targets


def target_options() -> list[click.Parameter]:
    """Return the options to add to a group or command; their values go to `given_targets`."""
    return [
        _option(
            "-n",
            "--nodes",
            multiple=True,
            metavar="NODE",
            shell_complete=_complete,
            help="Addresses, names or groups (all, controlplane, workers, LABEL=VALUE) of nodes,"
            " repeated or joined by commas.",
        ),
        _option(
            "-e",
            "--endpoints",
            multiple=True,
            metavar="NODE",
            shell_complete=_complete,
            help="Nodes to talk through, instead of directly.",
        ),
        _option("--context", metavar="NAME", help="Context of the client configuration."),
        _option(
            "--talosconfig",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Client configuration.  [env: TALOSCONFIG; default: ~/.talos/config]",
        ),
    ]


class NodeCommand(click.Command):
    """A command for nodes: takes the target options and shows them apart from its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._targets = target_options()
        self.params.extend(self._targets)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take `--wait=false` for `--no-wait` and the like, as talosctl's users type it."""
        return super().parse_args(ctx, spell_out_switches(self.get_params(ctx), args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        own = [each for each in options if each not in self._targets]
        for title, params in (("Options", own), ("Which nodes", self._targets)):
            records = [record for each in params if (record := each.get_help_record(ctx))]
            with formatter.section(title):
                formatter.write_dl(records)


def insecure_options(command: Any) -> Any:
    """Add `-i/--insecure` and `--cert-fingerprint` to a command."""
    pins = click.option(
        "--cert-fingerprint",
        "pins",
        multiple=True,
        callback=_check_pins,
        metavar="FINGERPRINT",
        help="With --insecure: the node must show this key. Repeatable.",
    )
    insecure = click.option(
        "-i", "--insecure", is_flag=True, help="The node is in maintenance mode."
    )
    return insecure(pins(command))


def _check_pins(
    _ctx: click.Context, _option: click.Parameter, pins: tuple[str, ...]
) -> tuple[str, ...]:
    for pin in pins:
        try:
            is_digest = len(a2b_base64(pin, strict_mode=True)) == _DIGEST_BYTES
        except ValueError:
            is_digest = False
        if not is_digest:
            raise click.BadParameter(f"{pin!r} is no fingerprint; copy it from the node's console")
    return pins


def _complete(_ctx: click.Context, _option: click.Parameter, incomplete: str) -> "list[Item]":
    """Offer what the last of the words joined by commas may become."""
    from click.shell_completion import CompletionItem

    from edge.cli.known import suggestions

    before, comma, word = incomplete.rpartition(",")
    given = set(before.split(","))
    return [
        CompletionItem(f"{before}{comma}{name}", help=what)
        for name, what in suggestions()
        if name.startswith(word) and name not in given
    ]


def _option(*names: str, **settings: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_take, **settings)


def _take(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    if value and option.name:
        before = ctx.meta.get(_META_KEY, Targets())
        ctx.meta[_META_KEY] = before.with_given(option.name, value)


def _split(values: tuple[str, ...]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]
