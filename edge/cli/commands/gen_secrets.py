# SPDX-License-Identifier: Apache-2.0
"""`edgectl gen secrets`: the secrets of a cluster, new or from what already has them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.errors import InputError

if TYPE_CHECKING:
    from edge.pki.secrets import SecretsBundle

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\..*)?")
# The first versions that know what newer secrets have.
_SECRETBOX_SINCE, _RSA_SINCE = (1, 3), (1, 7)


@click.command()
@click.option(
    "-o",
    "--output-file",
    "output",
    default="secrets.yaml",
    show_default=True,
    help="File to write, or - for stdout.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite the file if it exists.")
@click.option(
    "--from-controlplane-config",
    "config",
    type=click.Path(path_type=Path),
    help="Take them from the configuration of a control plane.",
)
@click.option(
    "-p",
    "--from-kubernetes-pki",
    "pki",
    type=click.Path(path_type=Path),
    help="Take the authorities from a folder of kubeadm's, such as /etc/kubernetes/pki.",
)
@click.option(
    "-t",
    "--kubernetes-bootstrap-token",
    "token",
    default="",
    help="With --from-kubernetes-pki: the bootstrap token.",
)
@click.option("--talos-version", "version", default="", help="Make them for an older version.")
def secrets(
    *, output: str, force: bool, config: Path | None, pki: Path | None, token: str, version: str
) -> None:
    """Make the secrets of a new cluster, or collect those of one that there is."""
    from edge.config.backup import keep_backup
    from edge.config.file import write_files
    from edge.pki.secrets import dump_secrets

    if config and pki:
        raise click.UsageError("take them from a configuration or from a folder, not from both")
    if token and not pki:
        raise click.UsageError("--kubernetes-bootstrap-token goes with --from-kubernetes-pki")
    text = dump_secrets(_make(config, pki, token, version))
    if output == "-":
        click.echo(text, nl=False)
        return
    if force and (copy := keep_backup(Path(output))):
        click.echo(f"{copy} keeps the secrets that were there", err=True)
    write_files({Path(output): text}, force=force)
    click.echo(f"wrote {output}; keep it safe, whoever has it owns the cluster", err=True)
    click.echo(f"next: edgectl gen config NAME https://HOST:6443 --with-secrets {output}", err=True)


def _make(config: Path | None, pki: Path | None, token: str, version: str) -> SecretsBundle:
    from datetime import UTC, datetime

    from edge.config.secrets import secrets_from_config, secrets_from_kubernetes
    from edge.pki.secrets import new_secrets
    from edge.text import read_given

    now = datetime.now(UTC)
    if config:
        return secrets_from_config(read_given(config), source=str(config))
    if pki:
        return secrets_from_kubernetes(pki, now=now, bootstrap_token=token)
    return fit_version(new_secrets(now=now), version)


def fit_version(made: SecretsBundle, version: str) -> SecretsBundle:
    """Return new secrets in the form that `version` of upstream understands.

    Raises:
        InputError: when it is no version.
    """
    from edge.pki.key import new_labelled_key

    if not version:
        return made
    match = _VERSION.fullmatch(version)
    if not match:
        raise InputError(f"{version!r} is not a version", hint="write it as v1.13")
    number = (int(match[1]), int(match[2]))
    if number < _SECRETBOX_SINCE:
        made = replace(made, aescbc_secret=made.secretbox_secret, secretbox_secret="")
    if number < _RSA_SINCE:
        made = replace(made, service_account_key=new_labelled_key("p256"))
    return made
