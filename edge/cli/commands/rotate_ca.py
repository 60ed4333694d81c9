# SPDX-License-Identifier: Apache-2.0
"""`edgectl rotate-ca`: exchange the authority of the machine API on a running cluster."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from edge.cli.nodes import choose_access, config_path, load_config
from edge.cli.options import NodeCommand, given_targets
from edge.cli.output import as_table
from edge.cli.progress import narrate
from edge.errors import ConfigError, NodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.client.rotate import Member, Rotation
    from edge.client.trust import Mutual
    from edge.config.talosconfig import Context
    from edge.pki.certificate import KeyPair

_NO_KUBERNETES = "there is no Kubernetes on these nodes yet: it has no authority to exchange"
_AGAIN = "the same command goes on where this one stopped"


@click.command(cls=NodeCommand)
@click.option(
    "--dry-run/--no-dry-run",
    default=True,
    show_default=True,
    help="Only show what would be done.",
)
@click.option(
    "--talos/--no-talos", default=True, show_default=True, help="Authority of the machine API."
)
@click.option(
    "--kubernetes/--no-kubernetes",
    default=True,
    show_default=True,
    help="Authority of Kubernetes, which these nodes do not run yet.",
)
@click.option(
    "--control-plane-nodes", multiple=True, metavar="NODE", help="Control planes of the cluster."
)
@click.option("--worker-nodes", multiple=True, metavar="NODE", help="Workers of the cluster.")
@click.option(
    "--leave-out",
    multiple=True,
    metavar="NODE",
    help="Node of the cluster that is gone, and may be cut off. Repeatable.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the new client configuration here instead of into the one in use.",
)
@click.option(
    "--with-secrets",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Put the new authority into this secrets file as well.",
)
@click.pass_context
def command(
    ctx: click.Context,
    *,
    dry_run: bool,
    talos: bool,
    kubernetes: bool,
    control_plane_nodes: tuple[str, ...],
    worker_nodes: tuple[str, ...],
    leave_out: tuple[str, ...],
    output: Path | None,
    with_secrets: Path | None,
) -> None:
    """Exchange the certificate authority of a cluster's machine API.

    All nodes accept the new authority first, then are issued by it, then forget the old one; calls
    work all the time. An interrupted rotation is gone on with by the same command.
    """
    _check_kubernetes(ctx, talos=talos, wanted=kubernetes)
    if not talos:
        return
    nodes = _nodes([*control_plane_nodes, *worker_nodes], named_only=not dry_run)
    if with_secrets:
        _load_secrets(with_secrets)
    if dry_run:
        _show_plan(nodes, leave_out)
        return
    authority = _rotate(nodes, leave_out, output)
    if with_secrets:
        _update_secrets(with_secrets, authority)
    _say_next(with_secrets)


def _check_kubernetes(ctx: click.Context, *, talos: bool, wanted: bool) -> None:
    if not wanted:
        if not talos:
            raise click.UsageError("nothing is left to do without --talos and --kubernetes")
        return
    asked = ctx.get_parameter_source("kubernetes") is not ParameterSource.DEFAULT
    if asked or not talos:
        raise NodeError(_NO_KUBERNETES, hint="leave it out: --no-kubernetes")
    click.echo(f"note: {_NO_KUBERNETES}", err=True)


def _nodes(listed: Sequence[str], *, named_only: bool) -> tuple[str, ...]:
    """Return the nodes of the cluster that the command line or, for a plan, the context names."""
    given = tuple(part.strip() for text in listed for part in text.split(",") if part.strip())
    return tuple(dict.fromkeys(given or choose_access(named_only=named_only).nodes))


def _context() -> tuple[str, Context]:
    config = load_config(given_targets())
    name = given_targets().context or config.current
    return name, config.context(name)


def _mutual(context: Context) -> Mutual:
    from edge.client.trust import Mutual

    if not (context.ca and context.crt and context.key):
        raise ConfigError("the context has no certificate", hint="use an administrator's context")
    return Mutual(ca=context.ca, crt=context.crt, key=context.key)


def _rotation() -> tuple[Rotation, bool]:
    """Return the rotation to do, and whether it was begun before."""
    from datetime import UTC, datetime

    from edge.client.rotation_file import begin_rotation, load_rotation, rotation_path

    name, context = _context()
    path = rotation_path(config_path(given_targets()))
    if begun := load_rotation(path, context=name):
        return begun, True
    return begin_rotation(_mutual(context), now=datetime.now(UTC)), False


def _show_plan(nodes: Sequence[str], leave_out: Sequence[str]) -> None:
    from edge.client.rotate import survey
    from edge.pki.key import fingerprint

    rotation, begun = _rotation()
    members = asyncio.run(survey(rotation, nodes, left_out=leave_out))
    rows = [
        {
            "node": member.address,
            "role": "controlplane" if member.authorities.is_control_plane else "worker",
            "authority": fingerprint(member.authorities.issuing),
            "to_do": _to_do(member, rotation),
        }
        for member in members
    ]
    click.echo(as_table(rows, ("node", "role", "authority", "to_do")))
    word = "go on with the rotation that was begun" if begun else "exchange it"
    named = ",".join(nodes)
    click.echo(
        f"nothing was changed; to {word}: edgectl rotate-ca --dry-run=false -n {named}", err=True
    )


def _to_do(member: Member, rotation: Rotation) -> str:
    own, authorities = rotation.authority, member.authorities
    if own == authorities.issuing:
        return "forget the old one" if authorities.accepted else "nothing"
    first = () if own in authorities.accepted else ("accept the new one",)
    return ", ".join((*first, "be issued by the new one", "forget the old one"))


def _rotate(nodes: Sequence[str], leave_out: Sequence[str], output: Path | None) -> KeyPair:
    """Exchange the authority and return the new one."""
    from edge.client.rotation_file import rotation_path

    name, _ = _context()
    path = config_path(given_targets())
    rotation, begun = _rotation()
    if output and output.exists() and not begun:
        raise ConfigError(f"{output} already exists", hint="name another with -o")
    unfinished = rotation_path(path)
    try:
        asyncio.run(_run(rotation, nodes, leave_out, name, output or path))
    except BaseException as error:
        if unfinished.exists():
            click.echo(f"{unfinished} keeps the new authority; {_AGAIN}", err=True)
        if isinstance(error, ConfigError | NodeError) and not error.hint:
            error.hint = _AGAIN
        raise
    unfinished.unlink()
    return rotation.new


async def _run(
    rotation: Rotation, nodes: Sequence[str], leave_out: Sequence[str], name: str, target: Path
) -> None:
    from edge.client.rotate import Rotator, survey
    from edge.client.rotation_file import rotation_path, save_rotation
    from edge.config.backup import keep_backup

    members = await survey(rotation, nodes, left_out=leave_out)
    path = config_path(given_targets())
    unfinished = rotation_path(path)
    if not unfinished.exists() and target == path and (copy := keep_backup(path)):
        click.echo(f"{copy} keeps the client configuration as it was", err=True)
    # From here on the new authority's key must not get lost.
    save_rotation(unfinished, rotation, context=name)
    with narrate() as listener:
        save = partial(_write_identity, name, path, target)
        await Rotator(rotation, members, save=save, listener=listener).run()


def _write_identity(name: str, source: Path, target: Path, trust: Mutual) -> None:
    """Put the client's identity into the context `name` of the client configuration `target`."""
    from edge.config.talosconfig import load_talosconfig, save_talosconfig

    config = load_talosconfig(target if target.exists() else source)
    context = replace(config.context(name), ca=trust.ca, crt=trust.crt, key=trust.key)
    save_talosconfig(replace(config, contexts={**config.contexts, name: context}), target)


def _load_secrets(path: Path) -> str:
    from edge.pki.secrets import load_secrets
    from edge.text import read_given

    text = read_given(path)
    load_secrets(text, source=str(path))
    return text


def _update_secrets(path: Path, authority: KeyPair) -> None:
    from edge.config.backup import keep_backup
    from edge.config.file import write_file
    from edge.pki.secrets import dump_secrets, load_secrets

    bundle = load_secrets(_load_secrets(path), source=str(path))
    keep_backup(path)
    write_file(path, dump_secrets(replace(bundle, os=authority)))
    click.echo(f"{path} has the new authority", err=True)


def _say_next(with_secrets: Path | None) -> None:
    secrets = with_secrets or Path("secrets.yaml")
    click.echo("done: only the new authority counts now", err=True)
    click.echo("next: other administrators get their certificates by:", err=True)
    click.echo("  edgectl config new PATH", err=True)
    if with_secrets is None:
        click.echo("and a secrets file gets the new authority by:", err=True)
        click.echo(
            "  (umask 077; edgectl get mc v1alpha1 -o jsonpath='{.spec}' > controlplane.yaml)",
            err=True,
        )
        click.echo(
            "  edgectl gen secrets --from-controlplane-config controlplane.yaml --force", err=True
        )
    click.echo("files that were generated before would bring the old one back; new ones:", err=True)
    click.echo(f"  edgectl gen config NAME URL --with-secrets {secrets} --force", err=True)
