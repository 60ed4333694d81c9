# SPDX-License-Identifier: Apache-2.0
"""`edgectl extensions`: what can be put into an image beyond the system itself."""

import click

from edge.cli.output import emit, output_option

_COLUMNS = ("name", "arch", "brings", "title")


@click.group(name="extensions")
def command() -> None:
    """List and show system extensions for images."""


@command.command(name="list")
@output_option()
def list_extensions(output: str) -> None:
    """List the extensions that ship with edgectl."""
    from flasher.extension.catalog import all_extensions

    rows = [
        {
            "name": each.name,
            "arch": list(each.document.arch),
            "brings": _brings(each.document.model_dump(mode="json", exclude_defaults=True)),
            "title": each.document.title,
            "summary": each.document.summary,
            "packages": list(each.document.packages),
        }
        for each in all_extensions()
    ]
    emit(rows, columns=_COLUMNS, output=output)


@command.command()
@click.argument("name", metavar="NAME|FOLDER")
@output_option("yaml", "json")
def show(name: str, output: str) -> None:
    """Show an extension; one in a folder is checked on the way."""
    import json

    from edge.cli.output import as_yaml
    from flasher.extension.catalog import digest, load_extension

    extension = load_extension(name)
    document = extension.document.model_dump(mode="json", exclude_defaults=True)
    if extension.folder:
        document["sha256"] = digest(extension)
    text = json.dumps(document, indent=2) + "\n" if output == "json" else as_yaml(document)
    click.echo(text, nl=False)


def _brings(document: dict[str, object]) -> list[str]:
    kinds = ("programs", "modules", "firmware", "images", "services")
    return [kind for kind in kinds if document.get(kind)]
