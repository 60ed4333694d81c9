# SPDX-License-Identifier: Apache-2.0
"""The machine configuration on STATE: written whole or not at all, read with its faults."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.node.durable import write_durably

if TYPE_CHECKING:
    from edge.config.view import NodeView

CONFIG_FILE = "config.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A machine configuration that parsed and is valid: its text, what it means, warnings."""

    text: str = field(repr=False)
    view: "NodeView"
    warnings: tuple[str, ...] = ()


def parse_configuration(data: bytes, source: str = "configuration") -> Configuration:
    """Return the configuration in `data`.

    Raises:
        ConfigError: naming every fault, or saying that the v1alpha1 document is missing.
    """
    # The models take a board seconds to load, and a node in maintenance has no use for them.
    from edge.config.validate import load_valid
    from edge.config.view import view

    config, warnings = load_valid(data, source=source)
    if config.root is None:
        raise ConfigError(
            f"{source} has no v1alpha1 document",
            hint="send the whole configuration, or patch the one the node has",
        )
    return Configuration(text=data.decode(), view=view(config), warnings=warnings)


def read_configuration(state: Path) -> Configuration | None:
    """Return the configuration kept on STATE, or nothing when there is none.

    Raises:
        ConfigError: when what is there is not a valid configuration.
        OSError: when STATE cannot be read.
    """
    path = state / CONFIG_FILE
    if not path.exists():
        return None
    return parse_configuration(path.read_bytes(), source=CONFIG_FILE)


def write_configuration(state: Path, text: str) -> None:
    """Replace the configuration on STATE; a power cut leaves the old one or the new one.

    One that is there already is left alone: media wear out.
    """
    write_durably(state / CONFIG_FILE, text.encode())
