# SPDX-License-Identifier: Apache-2.0
"""`edgectl config info`: the context in use, and what its certificate is good for."""

from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import load_config, load_context
from edge.cli.options import NodeCommand, given_targets
from edge.cli.output import as_yaml, output_option

if TYPE_CHECKING:
    from datetime import timedelta

    from edge.config.talosconfig import Context

_UNITS = (("year", 365 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_REISSUE = (
    "edgectl config new PATH, from a context whose key is another,"
    " or edgectl gen config NAME URL --with-secrets FILE -t talosconfig"
)


@click.command(cls=NodeCommand)
@output_option("text", "yaml", "json")
def info(output: str) -> None:
    """Show the context, its nodes, and the certificate in it."""
    import json

    name = given_targets().context or load_config(given_targets()).current
    facts = _facts(name, load_context(given_targets()))
    if output == "json":
        click.echo(json.dumps(facts, indent=2))
    elif output == "yaml":
        click.echo(as_yaml(facts), nl=False)
    else:
        _print(facts)
    if facts.get("algorithm") == "ed25519":
        click.echo(
            "note: nodes of this product cannot verify a client with an Ed25519 key\n"
            f"  hint: get another certificate: {_REISSUE}",
            err=True,
        )


def _print(facts: dict[str, Any]) -> None:
    lines = {
        "Current context": facts["context"],
        "Nodes": ", ".join(facts["nodes"]) or "not defined",
        "Endpoints": ", ".join(facts["endpoints"]) or "not defined",
    }
    if "expires" in facts:
        lines |= {
            "Roles": ", ".join(facts["roles"]) or "none",
            "Certificate expires": f"{facts['certTTL']} ({facts['certNotAfter']})",
            "Key": f"{facts['algorithm']}, fingerprint {facts['fingerprint']}",
        }
    for label, text in lines.items():
        click.echo(f"{label + ':':<21}{text}")


def _facts(name: str, chosen: "Context") -> dict[str, Any]:
    from datetime import UTC, datetime

    from edge.pki.certificate import inspect
    from edge.pki.key import fingerprint, key_algorithm

    facts: dict[str, Any] = {
        "context": name,
        "nodes": list(chosen.nodes),
        "endpoints": list(chosen.endpoints),
    }
    if not chosen.crt:
        return facts
    certificate = inspect(chosen.crt)
    return facts | {
        "roles": list(certificate.organizations),
        "certTTL": _relative(certificate.not_after - datetime.now(UTC)),
        "certNotAfter": certificate.not_after.strftime("%Y-%m-%d"),
        "expires": certificate.not_after.isoformat(),
        "fingerprint": fingerprint(chosen.crt),
        "algorithm": key_algorithm(chosen.crt),
    }


def _relative(left: "timedelta") -> str:
    seconds = abs(left.total_seconds())
    unit, size = next((each for each in _UNITS if seconds >= each[1]), _UNITS[-1])
    count = int(seconds // size)
    when = "from now" if left.total_seconds() >= 0 else "ago"
    return f"{count} {unit}{'' if count == 1 else 's'} {when}"
