# SPDX-License-Identifier: Apache-2.0
"""`edgectl gen ca|key|csr|crt|keypair`: certificates and keys as files, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from edge.pki.certificate import Address, KeyPair
    from edge.pki.key import Algorithm

ALGORITHMS = ("p256", "ed25519", "rsa")

_force = click.option("-f", "--force", is_flag=True, help="Overwrite files that exist.")
_organization = click.option(
    "--organization", required=True, help="Who it is for; names the files."
)


def _hours(default: int) -> Callable[[Any], Any]:
    return click.option(
        "--hours",
        type=click.IntRange(1, 24 * 365 * 100),
        default=default,
        show_default=True,
        help="How long it is good for.",
    )


@click.command()
@_organization
@_hours(87600)
@click.option("--rsa", is_flag=True, help="RSA instead of Ed25519.")
@_force
def ca(*, organization: str, hours: int, rsa: bool, force: bool) -> None:
    """Make a certificate authority: NAME.crt, NAME.key and NAME.sha256."""
    from edge.pki.certificate import new_ca
    from edge.pki.key import spki_digest

    algorithm: Algorithm = "rsa" if rsa else "ed25519"
    made = new_ca(organization, now=_now(), algorithm=algorithm, lifetime=_lifetime(hours))
    digest = f"sha256:{spki_digest(made.certificate).hex()}"
    _write({**_pair(organization, made), f"{organization}.sha256": digest}, force=force)


@click.command()
@_organization
@click.option("--ip", default="", help="Address that it is for.")
@_force
def keypair(*, organization: str, ip: str, force: bool) -> None:
    """Make a self-signed certificate: NAME.crt and NAME.key."""
    from edge.pki.certificate import new_ca

    addresses = [_address(ip)] if ip else []
    made = new_ca(organization, now=_now(), algorithm="p256", addresses=addresses)
    _write(_pair(organization, made), force=force)


@click.command()
@click.option("--name", required=True, help="Name of the file, without .key.")
@click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    default=ALGORITHMS[0],
    show_default=True,
    help="Kind of key. These nodes cannot verify clients with ed25519.",
)
@_force
def key(*, name: str, algorithm: Algorithm, force: bool) -> None:
    """Make a private key: NAME.key."""
    from edge.pki.key import new_labelled_key

    _write({f"{name}.key": new_labelled_key(algorithm).decode()}, force=force)


@click.command()
@click.option("--key", "key_file", required=True, type=click.Path(path_type=Path), help="Its key.")
@click.option("--ip", "ips", multiple=True, help="Address that it is for. Repeatable.")
@click.option(
    "--roles",
    multiple=True,
    default=("os:admin",),
    show_default=True,
    help="Roles that it asks for, separated by commas. Repeatable.",
)
@_force
def csr(*, key_file: Path, ips: tuple[str, ...], roles: tuple[str, ...], force: bool) -> None:
    """Make a certificate request for a key: NAME.csr beside it."""
    from edge.pki.certificate import make_csr
    from edge.text import read_given

    wanted = [part.strip() for text in roles for part in text.split(",") if part.strip()]
    _check_roles(wanted)
    addresses = [_address(part) for text in ips for part in text.split(",") if part]
    private = read_given(key_file).encode()
    _warn_about_ed25519(private, str(key_file))
    request = make_csr(private, common_name="", addresses=addresses, organizations=wanted)
    _write({str(key_file.with_suffix(".csr")): request.decode()}, force=force)


@click.command()
@click.option("--name", required=True, help="Name of the file, without .crt.")
@click.option(
    "--ca", "authority", required=True, help="Authority: its files, without .crt and .key."
)
@click.option(
    "--csr", "request", required=True, type=click.Path(path_type=Path), help="Request to sign."
)
@_hours(24)
@_force
def crt(*, name: str, authority: str, request: Path, hours: int, force: bool) -> None:
    """Sign a client's certificate request: NAME.crt."""
    from edge.pki.certificate import csr_roles, sign_client_csr
    from edge.text import read_given

    wanted = read_given(request).encode()
    _warn_about_ed25519(wanted, str(request))
    certificate = sign_client_csr(
        _read_authority(authority), wanted, now=_now(), lifetime=_lifetime(hours)
    )
    _write({f"{name}.crt": certificate.decode()}, force=force)
    roles = ", ".join(csr_roles(wanted))
    click.echo(f"it grants {roles}" if roles else "it grants no role", err=True)


def _read_authority(stem: str) -> KeyPair:
    from edge.pki.certificate import KeyPair, belongs
    from edge.text import read_given

    stem = stem.removesuffix(".crt")
    pair = KeyPair(
        certificate=read_given(Path(f"{stem}.crt")).encode(),
        key=read_given(Path(f"{stem}.key")).encode(),
    )
    if not belongs(pair):
        raise ConfigError(f"{stem}.key does not belong to {stem}.crt", hint="name another --ca")
    return pair


def _check_roles(names: list[str]) -> None:
    from edge.pki.role import Role

    known = [str(role) for role in Role]
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(
            f"{', '.join(unknown)}: choose from {', '.join(known)}", param_hint="--roles"
        )


def _warn_about_ed25519(pem: bytes, name: str) -> None:
    from edge.pki.key import key_algorithm

    if key_algorithm(pem) == "ed25519":
        click.echo(
            f"note: {name} is about an Ed25519 key: these nodes cannot verify a client that has"
            " one; edgectl gen key makes one that they can",
            err=True,
        )


def _pair(name: str, made: KeyPair) -> dict[str, str]:
    return {f"{name}.crt": made.certificate.decode(), f"{name}.key": made.key.decode()}


def _write(texts: Mapping[str, str], *, force: bool) -> None:
    from edge.config.backup import keep_backup
    from edge.config.file import write_files

    paths = {Path(name): text for name, text in texts.items()}
    if not force and (existing := [str(path) for path in paths if path.exists()]):
        raise ConfigError(
            f"{', '.join(existing)} already {'exists' if len(existing) == 1 else 'exist'}",
            hint="--force overwrites and keeps the old one as .bak",
        )
    for path in paths:
        if path.is_file():
            keep_backup(path)
    write_files(paths, force=force)
    for path in paths:
        click.echo(f"wrote {path}", err=True)


def _address(text: str) -> Address:
    from ipaddress import ip_address

    try:
        return ip_address(text.strip())
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no address", param_hint="--ip") from error


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _lifetime(hours: int) -> timedelta:
    from datetime import timedelta

    return timedelta(hours=hours)
