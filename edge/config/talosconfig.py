# SPDX-License-Identifier: Apache-2.0

"""The client configuration: which clusters there are and how to prove who one is."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edge.config.backup import keep_backup
from edge.config.dump import dump_stream
from edge.config.file import write_file
from edge.config.stream import parse_stream
from edge.errors import ConfigError
from edge.text import read_given

IN_CLUSTER = Path("/var/run/secrets/talos.dev/config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One cluster and one identity in it; certificates and key are PEM."""

    endpoints: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    ca: bytes = b""
    crt: bytes = b""
    key: bytes = field(default=b"", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Keys that edgectl keeps but does not use: auth, cluster, proxy-url."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TalosConfig:
    """Every known context and the name of the one in use."""

    current: str = ""
    contexts: Mapping[str, Context] = field(default_factory=dict)

    def context(self, name: str | None = None) -> Context:
        """Return the context `name`, by default the current one.

        Raises:
            ConfigError: when there is no such context.
        """
        wanted = name or self.current
        if wanted in self.contexts:
            return self.contexts[wanted]
        known = ", ".join(sorted(self.contexts)) or "none"
        if not wanted:
            raise ConfigError("no context is selected", hint=f"--context NAME; known: {known}")
        raise ConfigError(f"there is no context {wanted!r}", hint=f"known contexts: {known}")

    def with_context(self, name: str, context: Context) -> "TalosConfig":
        """Return this configuration with `context` added or replaced and selected."""
        return TalosConfig(current=name, contexts={**self.contexts, name: context})

    def with_endpoints(self, endpoints: tuple[str, ...]) -> "TalosConfig":
        """Return this configuration with other endpoints in the current context."""
        return self.with_context(self.current, replace(self.context(), endpoints=endpoints))

    def merge(self, other: "TalosConfig") -> "TalosConfig":
        """Add the contexts of `other`, renamed where names are taken; its current one wins."""
        contexts, current = dict(self.contexts), self.current
        for name, context in other.contexts.items():
            free = name if contexts.get(name) == context else _free_name(name, contexts)
            contexts[free] = context
            if name == other.current:
                current = free
        return TalosConfig(current=current, contexts=contexts)


def parse_talosconfig(text: str, *, source: str = "talosconfig") -> TalosConfig:
    """Read a client configuration.

    Raises:
        ConfigError: when it is not one; every fault is listed.
    """
    raws = parse_stream(text, source=source)
    if not raws:
        return TalosConfig()
    document = raws[0].value
    if not _is_plain(document):
        from edge.config.talosconfig_model import plain_document

        document = plain_document(raws[0], source)
    contexts = {name: _read(context) for name, context in document.get("contexts", {}).items()}
    return TalosConfig(current=document.get("context", ""), contexts=contexts)


def dump_talosconfig(config: TalosConfig) -> str:
    """Return `config` as YAML."""
    contexts = {name: _write(context) for name, context in config.contexts.items()}
    return dump_stream([{"context": config.current, "contexts": contexts}])


def load_talosconfig(path: Path) -> TalosConfig:
    """Read the client configuration at `path`.

    Raises:
        ConfigError: when it cannot be read or is not one.
    """
    return parse_talosconfig(read_given(path), source=str(path))


def save_talosconfig(config: TalosConfig, path: Path) -> None:
    """Write `config` to `path`, readable by its owner alone; a link to the file stays one."""
    write_file(path.resolve() if path.is_symlink() else path, dump_talosconfig(config))


def change_talosconfig(config: TalosConfig, path: Path) -> Path | None:
    """Write `config` to `path` and return where the former one is kept, if it was another."""
    if path.exists() and load_talosconfig(path) == config:
        return None
    copy = keep_backup(path)
    save_talosconfig(config, path)
    return copy


def find_talosconfig(
    given: Path | None = None, *, environment: Mapping[str, str] = os.environ
) -> Path:
    """Return where the client configuration is, or should be made when there is none yet."""
    if given:
        return given
    if named := environment.get("TALOSCONFIG"):
        return Path(named)
    home = environment.get("TALOS_HOME")
    path = (Path(home) if home else Path.home() / ".talos") / "config"
    return IN_CLUSTER if not path.exists() and IN_CLUSTER.exists() else path


_TEXTS = ("endpoints", "nodes")
_PEMS = ("ca", "crt", "key")


def _is_plain(document: Any) -> bool:
    """Say whether a document is as edgectl and upstream write it, without any fault."""
    return (
        isinstance(document, dict)
        and document.keys() <= {"context", "contexts"}
        and isinstance(document.get("context", ""), str)
        and isinstance(contexts := document.get("contexts", {}), dict)
        and all(_is_plain_context(context) for context in contexts.values())
    )


def _is_plain_context(context: Any) -> bool:
    if not isinstance(context, dict) or not context.keys() <= {*_TEXTS, *_PEMS}:
        return False
    lists = [context[key] for key in _TEXTS if key in context]
    is_listed = all(isinstance(one, list) and all(type(e) is str for e in one) for one in lists)
    return is_listed and all(_is_base64(context[key]) for key in _PEMS if key in context)


def _is_base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(base64.b64decode(value, validate=True))
    except ValueError:
        return False


def _read(context: Mapping[str, Any]) -> Context:
    used = {"endpoints", "target", "nodes", "ca", "crt", "key"}
    endpoints = context.get("endpoints") or ([context["target"]] if "target" in context else [])
    return Context(
        endpoints=tuple(endpoints),
        nodes=tuple(context.get("nodes", ())),
        ca=base64.b64decode(context.get("ca", "")),
        crt=base64.b64decode(context.get("crt", "")),
        key=base64.b64decode(context.get("key", "")),
        extra={key: value for key, value in context.items() if key not in used},
    )


def _write(context: Context) -> dict[str, Any]:
    written: dict[str, Any] = {"endpoints": list(context.endpoints)}
    if context.nodes:
        written["nodes"] = list(context.nodes)
    for name in ("ca", "crt", "key"):
        written[name] = base64.b64encode(getattr(context, name)).decode()
    return written | dict(context.extra)


def _free_name(name: str, taken: Mapping[str, Any]) -> str:
    free, count = name, 0
    while free in taken:
        count += 1
        free = f"{name}-{count}"
    return free
