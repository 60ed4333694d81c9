# SPDX-License-Identifier: Apache-2.0
"""Check what the models cannot: rules between keys, between documents, and certificates."""

from collections.abc import Callable, Iterable

from edge.config.acted import idle_keys
from edge.config.load import MachineConfig, read
from edge.config.rule import certificates, cluster, conflicts, links, machine, network
from edge.config.rule import document as documents
from edge.config.rule.finding import Finding
from edge.config.stream import count_faults
from edge.errors import ConfigError

_RULES: tuple[Callable[[MachineConfig], Iterable[Finding]], ...] = (
    machine.check,
    certificates.check,
    network.check,
    cluster.check,
    links.check,
    documents.check,
    conflicts.check,
)


def validate(
    config: MachineConfig, *, strict: bool = False, installs: bool = False
) -> tuple[str, ...]:
    """Return the warnings about `config`; `strict` makes them faults.

    A machine that `installs` itself has to be told the disk; ours boot from the one that was
    flashed.

    Raises:
        ConfigError: when a machine could not use it; every fault is listed.
    """
    faults = _faults(config, installs=installs)
    warnings = tuple(_warnings(config))
    if strict:
        faults += [f"warning: {warning}" for warning in warnings]
    if faults:
        raise ConfigError(f"{config.source} has {count_faults(faults)}", faults=tuple(faults))
    return warnings


def load_valid(
    text: str | bytes,
    *,
    source: str = "config.yaml",
    strict: bool = False,
    installs: bool = False,
) -> tuple[MachineConfig, tuple[str, ...]]:
    """Read and validate a machine configuration; return it with the warnings about it.

    Raises:
        ConfigError: when a machine could not use it; faults of form and of sense are all listed.
    """
    config, faults = read(text, source=source)
    if config and faults:
        faults += _faults(config, installs=installs)
    if faults or config is None:
        raise ConfigError(f"{source} has {count_faults(faults)}", faults=tuple(faults))
    return config, validate(config, strict=strict, installs=installs)


def _faults(config: MachineConfig, *, installs: bool) -> list[str]:
    rules = (*_RULES, machine.check_disk) if installs else _RULES
    return [each.text for rule in rules for each in rule(config) if each.is_certain]


def _warnings(config: MachineConfig) -> Iterable[str]:
    if idle := idle_keys(config):
        yield f"accepted, but this version does not act on: {', '.join(idle)}"
