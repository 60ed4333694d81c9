# SPDX-License-Identifier: Apache-2.0
"""`edgectl upgrade-k8s`: its options are taken, its work is not done yet."""

import sys

import click

from edge.cli.confirm import confirm
from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand
from edge.cli.single import only_node
from edge.cli.values import DURATION
from edge.errors import ToolError


@click.command(name="upgrade-k8s", cls=NodeCommand)
@click.option("--to", "target", metavar="VERSION", help="Upgrade to this version.")
@click.option("--from", "source", metavar="VERSION", help="The version that runs now.")
@click.option("--endpoint", metavar="URL", help="Where the API of Kubernetes is.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.option("--pre-pull-images/--no-pre-pull-images", default=True, help="Fetch images first.")
@click.option("--upgrade-kubelet/--no-upgrade-kubelet", default=True, help="Kubelets, too.")
@click.option("--with-docs/--no-with-docs", default=True, help="Comments in configurations.")
@click.option("--with-examples/--no-with-examples", default=True, help="Examples, too.")
@click.option("--apiserver-image", metavar="IMAGE", help="Instead of upstream's image.")
@click.option("--controller-manager-image", metavar="IMAGE", help="Instead of upstream's image.")
@click.option("--scheduler-image", metavar="IMAGE", help="Instead of upstream's image.")
@click.option("--proxy-image", metavar="IMAGE", help="Instead of upstream's image.")
@click.option("--kubelet-image", metavar="IMAGE", help="Instead of upstream's image.")
@click.option("--manifests-force", is_flag=True, help="Make objects anew where they must be.")
@click.option("--manifests-no-prune", is_flag=True, help="Keep objects that are not wanted.")
@click.option("--manifests-inventory-policy", metavar="POLICY", help="Whose objects are taken.")
@click.option(
    "--manifests-reconcile-timeout", type=DURATION, metavar="TIME", help="Longest wait for them."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def command(*, target: str | None, yes: bool, dry_run: bool, **_options: object) -> None:
    """Upgrade Kubernetes by way of one control plane, named with -n.

    This is not there yet: the command says so and changes nothing.
    """
    access = only_node(choose_access(named_only=True), "upgrade-k8s")
    if not (dry_run or yes) and sys.stdin.isatty():
        click.echo(f"about to upgrade Kubernetes by way of {access.spelled}", err=True)
        confirm("go on?", yes=False)
    version = f" to {target}" if target else ""
    raise ToolError(f"edgectl cannot upgrade Kubernetes{version} yet; nothing was changed")
