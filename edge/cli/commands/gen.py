# SPDX-License-Identifier: Apache-2.0
"""`edgectl gen`: machine configurations, cluster secrets, certificates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.commands.gen_pki import ca, crt, csr, key, keypair
from edge.cli.commands.gen_secrets import fit_version, secrets
from edge.cli.switch import spell_out_switches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge.config.generate import Generated, Options
    from edge.pki.secrets import SecretsBundle

TYPES = ("controlplane", "worker", "talosconfig")


class GenCommand(click.Command):
    """A command whose switches may have values, as in `--with-docs=false`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        return super().parse_args(ctx, spell_out_switches(self.get_params(ctx), args))


@click.group()
def command() -> None:
    """Generate machine configurations, secrets, certificates and keys."""


@command.command(cls=GenCommand)
@click.argument("name")
@click.argument("endpoint")
@click.option(
    "-o",
    "--output-dir",
    "--output",
    "output",
    default=".",
    show_default=True,
    help="Directory to write to; a file, or - for stdout, with a single type.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite files that exist.")
@click.option(
    "-t",
    "--output-types",
    "types",
    default=",".join(TYPES),
    show_default=True,
    help="What to write, separated by commas.",
)
@click.option(
    "-p",
    "--config-patch",
    "patches",
    multiple=True,
    metavar="PATCH",
    help="Patch for every machine: @FILE or text. Repeatable.",
)
@click.option(
    "--config-patch-control-plane",
    "control_plane_patches",
    multiple=True,
    metavar="PATCH",
    help="Patch for control-plane machines. Repeatable.",
)
@click.option(
    "--config-patch-worker",
    "worker_patches",
    multiple=True,
    metavar="PATCH",
    help="Patch for workers. Repeatable.",
)
@click.option(
    "--with-secrets",
    type=click.Path(path_type=Path),
    help="Use the secrets in this file instead of new ones.",
)
@click.option(
    "--additional-sans",
    multiple=True,
    metavar="NAME",
    help="Further names of the API servers, separated by commas. Repeatable.",
)
@click.option(
    "--install-disk", default="", help="Disk to install to; /dev/sda unless --board says."
)
@click.option("--board", default="", metavar="BOARD", help="Name the disk of this board.")
@click.option(
    "--dns-domain", default="cluster.local", show_default=True, help="Domain of the cluster."
)
@click.option(
    "--with-cluster-discovery/--without-cluster-discovery",
    "discovery",
    default=True,
    help="Whether machines find each other.",
)
@click.option("--install-image", default="", help="Installer to name in the configurations.")
@click.option(
    "--registry-mirror",
    "mirrors",
    multiple=True,
    metavar="HOST=URL",
    help="Pull images of HOST from URL. Repeatable.",
)
@click.option("--with-kubespan", "kubespan", is_flag=True, help="Switch the mesh network on.")
@click.option("--persist/--no-persist", default=True, help="Taken: nodes always keep it on disk.")
@click.option("--talos-version", "version", default="", help="Make secrets for an older version.")
@click.option("--kubernetes-version", default="", help="Accepted; without effect so far.")
@click.option("--with-docs/--without-docs", default=True, help="Accepted; editors use the schema.")
@click.option("--with-examples/--without-examples", default=True, help="Accepted, as --with-docs.")
def config(  # noqa: PLR0917 - click passes them by name
    name: str,
    endpoint: str,
    output: str,
    force: bool,
    types: str,
    patches: Sequence[str],
    control_plane_patches: Sequence[str],
    worker_patches: Sequence[str],
    with_secrets: Path | None,
    additional_sans: Sequence[str],
    install_disk: str,
    board: str,
    dns_domain: str,
    discovery: bool,
    install_image: str,
    mirrors: Sequence[str],
    kubespan: bool,
    persist: bool,
    version: str,
    kubernetes_version: str,
    with_docs: bool,  # noqa: ARG001
    with_examples: bool,  # noqa: ARG001
) -> None:
    """Write the configurations of cluster NAME, whose API is at ENDPOINT.

    ENDPOINT is the https URL of the Kubernetes API, such as https://10.0.0.10:6443.
    """
    from edge.config.generate import Options

    wanted = _wanted(types)
    options = Options(
        install_disk=install_disk or _disk_of(board),
        additional_sans=tuple(part for text in additional_sans for part in text.split(",") if part),
        dns_domain=dns_domain,
        discovery=discovery,
    )
    if kubernetes_version:
        click.echo("note: --kubernetes-version has no effect: nodes choose it so far", err=True)
    generated = _generate(name, endpoint, with_secrets, options, version)
    given = _as_patches(install_image, mirrors, kubespan=kubespan, persist=persist)
    texts = _texts(
        generated,
        {
            "controlplane": [*given, *patches, *control_plane_patches],
            "worker": [*given, *patches, *worker_patches],
        },
        wanted,
    )
    if output == "-":
        click.echo(_single(texts), nl=False)
    else:
        _write(texts, Path(output), force=force)


for _each in (secrets, ca, key, csr, crt, keypair):
    command.add_command(_each)


def _disk_of(board: str) -> str:
    """Return the disk that the profile of `board` names, or the usual one."""
    if not board:
        return "/dev/sda"
    from boards.catalog import load_profile
    from edge.errors import BoardError

    disk = load_profile(board).install_disk
    if not disk.path:
        raise BoardError(
            f"board {board} names no disk: {disk.text or 'its profile does not say'}",
            hint="say which with --install-disk",
        )
    click.echo(f"note: the disk of {board} is {disk.path}. {disk.text}", err=True)
    return disk.path


def _wanted(types: str) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(part.strip() for part in types.split(",") if part.strip()))
    if unknown := [kind for kind in wanted if kind not in TYPES]:
        raise click.BadParameter(
            f"{', '.join(unknown)}: choose from {', '.join(TYPES)}", param_hint="--output-types"
        )
    if not wanted:
        raise click.BadParameter("nothing to write", param_hint="--output-types")
    return wanted


def _as_patches(
    install_image: str, mirrors: Sequence[str], *, kubespan: bool, persist: bool
) -> list[str]:
    """Return the patches that options are short for."""
    import json

    changes: list[dict[str, object]] = []
    if install_image:
        changes.append({"machine": {"install": {"image": install_image}}})
    for text in mirrors:
        host, found, url = text.partition("=")
        if not (host and found and url):
            raise click.BadParameter(f"{text!r} is not HOST=URL", param_hint="--registry-mirror")
        changes.append({"machine": {"registries": {"mirrors": {host: {"endpoints": [url]}}}}})
    if kubespan:
        changes.append({"machine": {"network": {"kubespan": {"enabled": True}}}})
    if not persist:
        raise click.UsageError("every node keeps its configuration: leave out --no-persist")
    return [json.dumps(each) for each in changes]


def _generate(
    name: str, endpoint: str, with_secrets: Path | None, options: Options, version: str
) -> Generated:
    from datetime import UTC, datetime

    from edge.config.generate import check_endpoint, check_name, generate

    check_name(name)
    check_endpoint(endpoint)
    if with_secrets and version:
        click.echo(
            f"note: {with_secrets} is taken as it is, whatever --talos-version says", err=True
        )
    bundle = _load_secrets(with_secrets) if with_secrets else _new_secrets(version)
    return generate(name, endpoint, bundle, now=datetime.now(UTC), options=options)


def _load_secrets(path: Path) -> SecretsBundle:
    from edge.pki.secrets import load_secrets
    from edge.text import read_given

    return load_secrets(read_given(path), source=str(path))


def _new_secrets(version: str) -> SecretsBundle:
    from datetime import UTC, datetime

    from edge.pki.secrets import new_secrets

    return fit_version(new_secrets(now=datetime.now(UTC)), version)


def _texts(
    generated: Generated, patches: Mapping[str, Sequence[str]], wanted: Sequence[str]
) -> dict[str, str]:
    """Return what to write by its type; every machine configuration in it is a valid one."""
    from edge.config.patch import patch_config, read_patch
    from edge.config.schema import with_modeline
    from edge.config.talosconfig import dump_talosconfig
    from edge.config.validate import load_valid

    texts: dict[str, str] = {}
    for kind in wanted:
        if kind == "talosconfig":
            texts[kind] = dump_talosconfig(generated.talosconfig)
            continue
        text: str = getattr(generated, kind)
        given = [read_patch(argument) for argument in patches[kind]]
        texts[kind] = patch_config(text, given, source=f"{kind}.yaml")
        load_valid(texts[kind], source=f"{kind}.yaml")
        texts[kind] = with_modeline(texts[kind])
    return texts


def _single(texts: Mapping[str, str]) -> str:
    if len(texts) != 1:
        raise click.UsageError("stdout takes a single type: add --output-types controlplane")
    return next(iter(texts.values()))


def _write(texts: Mapping[str, str], output: Path, *, force: bool) -> None:
    from edge.config.file import write_files

    is_file = bool(output.suffix) or output.name in TYPES
    if len(texts) == 1 and is_file and not output.is_dir():
        paths = {output: _single(texts)}
    else:
        paths = {output / _file_name(kind): text for kind, text in texts.items()}
    write_files(paths, force=force)
    for path in paths:
        click.echo(f"wrote {path}", err=True)
    _say_next(set(texts), output)


def _file_name(kind: str) -> str:
    return kind if kind == "talosconfig" else f"{kind}.yaml"


def _say_next(kinds: set[str], output: Path) -> None:
    if "controlplane" in kinds and output.is_dir():
        file = output / "controlplane.yaml"
        click.echo("next: find a node and give it its configuration:", err=True)
        click.echo("  edgectl discover", err=True)
        click.echo(f"  edgectl apply-config --insecure -n ADDRESS -f {file}", err=True)
    if "talosconfig" in kinds and output.is_dir():
        click.echo(f"then: export TALOSCONFIG={output / 'talosconfig'}", err=True)
