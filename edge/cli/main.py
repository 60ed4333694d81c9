# SPDX-License-Identifier: Apache-2.0
"""The `edgectl` entry point: a lazy group of commands and the one place that prints errors."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from edge import __version__
from edge.cli.exit import ExitCode, exit_code
from edge.cli.options import target_options
from edge.errors import ConfigError, EdgeError

# command name -> (module under edge.cli.commands, one line of help)
COMMANDS: dict[str, tuple[str, str]] = {
    "apply-config": ("apply_config", "Send a machine configuration to a node."),
    "boards": ("boards", "List, show, detect and check board profiles."),
    "bootstrap": ("bootstrap", "Start etcd and Kubernetes on the first control plane."),
    "cards": ("cards", "Show the cards that were flashed from here."),
    "cgroups": ("cgroups", "Show what the control groups of nodes use."),
    "completion": ("completion", "Print what a shell needs to complete command lines."),
    "config": ("config", "Show and change the client configuration."),
    "console": ("console", "Follow a board's serial console and name its boot stages."),
    "containers": ("containers", "List the containers of nodes."),
    "copy": ("copy", "Copy files and folders of a node to this machine."),
    "dashboard": ("dashboard", "Show one node live in the terminal."),
    "demo": ("demo", "Take a virtual board from profile to configured node."),
    "devices": ("devices", "List the disks of this machine and whether they may be written."),
    "discover": ("discover", "Find nodes on the local network."),
    "diskfree": ("diskfree", "Show how much room the file systems of nodes have."),
    "disks": ("disks", "List the disks of nodes."),
    "dmesg": ("dmesg", "Show a node's kernel log."),
    "edit": ("edit", "Change a node's machine configuration in an editor."),
    "etcd": ("etcd", "Look after etcd, the database of Kubernetes."),
    "events": ("events", "Show what happens on nodes, as it happens."),
    "extensions": ("extensions", "List and show system extensions for images."),
    "flash": ("flash", "Write an image to a card and read it back."),
    "gen": ("gen", "Generate machine configurations and secrets."),
    "get": ("get", "Show or watch a node's resources."),
    "health": ("health", "Wait until the cluster is well."),
    "image": ("image", "Build and verify bootable images; manage container images."),
    "inspect": ("inspect", "Look at how a node works inside."),
    "interfaces": ("interfaces", "Say where to look for interfaces."),
    "inventory": ("inventory", "Keep names, roles and labels of nodes."),
    "kubeconfig": ("kubeconfig", "Fetch the administrator's access to Kubernetes."),
    "lab": ("lab", "Run virtual nodes on this machine."),
    "list": ("list", "List the files of nodes."),
    "logs": ("logs", "Show the log of a node's service."),
    "machineconfig": ("machineconfig", "Generate and patch machine configurations in files."),
    "memory": ("memory", "Show how much memory nodes use."),
    "meta": ("meta", "Write and delete values on nodes' META partition."),
    "mounts": ("mounts", "List the mounted file systems of nodes."),
    "netstat": ("netstat", "List the sockets of nodes."),
    "overlays": ("overlays", "List, show, check and apply device-tree overlays."),
    "patch": ("patch", "Patch a node's machine configuration."),
    "pcap": ("pcap", "Show or save what passes a node's interface."),
    "processes": ("processes", "List the processes of nodes."),
    "read": ("read", "Print a file of a node."),
    "reboot": ("reboot", "Restart nodes."),
    "reset": ("reset", "Wipe nodes back to maintenance mode."),
    "restart": ("restart", "End a container, so that it is started again."),
    "rollback": ("rollback", "Return nodes to what they ran before an upgrade."),
    "rotate-ca": ("rotate_ca", "Exchange the certificate authority of a cluster."),
    "routes": ("interfaces", "Say where to look for routes."),
    "schematic": ("schematic", "Check schematics, which describe whole images."),
    "services": ("services", "List a node's services."),
    "shutdown": ("shutdown", "Power nodes off."),
    "stats": ("stats", "Show what the containers of nodes use."),
    "support": ("support", "Collect what nodes tell into a bundle, secrets masked."),
    "time": ("time", "Show nodes' clocks beside a time server's."),
    "tui": ("tui", "Open the terminal interface."),
    "upgrade": ("upgrade", "Install another version of the system on nodes."),
    "upgrade-k8s": ("upgrade_k8s", "Upgrade Kubernetes (not there yet)."),
    "usage": ("usage", "Show what takes up the space of nodes."),
    "validate": ("validate", "Check a machine configuration."),
    "version": ("version", "Show the version of edgectl and of nodes."),
    "wipe": ("wipe", "Destroy what disks of nodes hold."),
}

# other names that people's fingers know -> command name
ALIASES: dict[str, str] = {
    "apply": "apply-config",
    "c": "containers",
    "cat": "read",
    "cg": "cgroups",
    "cp": "copy",
    "df": "diskfree",
    "du": "usage",
    "free": "memory",
    "g": "get",
    "images": "image",
    "ls": "list",
    "m": "memory",
    "mc": "machineconfig",
    "mount": "mounts",
    "p": "processes",
    "ps": "processes",
    "service": "services",
    "ss": "netstat",
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return every command name, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return the command, or nothing when there is none of that name."""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"edge.cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edgectl")
def cli() -> None:
    """Take ARM and UEFI boards from a blank card to a monitored edge cluster."""


# Users type them in both places: `edgectl -n NODE version` and `edgectl version -n NODE`.
cli.params.extend(target_options())


def report(error: EdgeError) -> None:
    """Print `error`, its faults and its hint to stderr."""
    from edge.cli.output import inert

    click.echo(f"edgectl: {inert(error.message, lines=True)}", err=True)
    if isinstance(error, ConfigError):
        for fault in error.faults:
            click.echo(f"  {inert(fault, lines=True)}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = cli.main(args=list(args), prog_name="edgectl", standalone_mode=False)
        return int(result) if isinstance(result, int) else ExitCode.OK
    except (click.Abort, KeyboardInterrupt):
        click.echo("edgectl: stopped", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        _say(error)
        return error.exit_code
    except EdgeError as error:
        report(error)
        return exit_code(error)
    except BrokenPipeError:
        sys.stderr.close()
        return ExitCode.OK
    except OSError as error:
        # Mostly a folder of ours that cannot be written, or a full disk behind stdout.
        report(_from_system(error))
        return ExitCode.FAILED


def main() -> None:
    """Run edgectl with the arguments of this process."""
    _replace_closed_streams()
    _stop_like_ctrl_c()
    if "_EDGECTL_COMPLETE" in os.environ:
        from edge.cli.shell import use_bash_lines

        use_bash_lines()
    sys.exit(run(sys.argv[1:]))


def _stop_like_ctrl_c() -> None:
    # A closed terminal or a kill ends a job as ctrl-C does: tidied up, with a stated result.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _replace_closed_streams() -> None:
    # Python has no stream at all where the caller closed one.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, nothing)


def _say(error: click.ClickException) -> None:
    """Print a mistake on the command line like any other error; a bare group prints its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"{context.command_path} --help says more" if context else None
    message = " ".join(error.format_message().split()).rstrip(".")
    report(EdgeError(message[:1].lower() + message[1:], hint=hint))


def _from_system(error: OSError) -> EdgeError:
    what = f"{error.filename}: " if error.filename else ""
    return EdgeError(
        f"{what}{error.strerror or error}",
        hint="see that it is there, may be written and has room; EDGECTL_HOME and EDGECTL_CACHE"
        " name other folders for what edgectl keeps",
    )
