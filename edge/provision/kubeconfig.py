# SPDX-License-Identifier: Apache-2.0
"""Kubeconfigs: one added to another, and its context called something else."""

from typing import Any

import yaml

from edge.errors import ConfigError

_LISTS = ("clusters", "users", "contexts")


def merge_kubeconfig(present: str, fetched: str, *, overwrite: bool = False) -> str:
    """Return `present` with the entries of `fetched`, whose current context becomes current.

    Raises:
        ConfigError: when an entry of the same name is different and `overwrite` is off, or one
            of the two is no kubeconfig.
    """
    merged, added = _load(present), _load(fetched)
    for name in _LISTS:
        entries = {each["name"]: each for each in merged.get(name) or ()}
        for each in added.get(name) or ():
            known = entries.get(each["name"])
            if known not in (None, each) and not overwrite:
                kind = name.removesuffix("s")
                raise ConfigError(
                    f"the kubeconfig has another {kind} {each['name']!r} already",
                    hint="--force replaces it; --force-context-name gives the new one another name",
                )
            entries[each["name"]] = each
        merged[name] = list(entries.values())
    merged["current-context"] = added.get("current-context", "")
    return yaml.safe_dump(merged, sort_keys=False)


def rename_context(text: str, name: str) -> str:
    """Return the kubeconfig with its current context called `name`."""
    config = _load(text)
    for each in config.get("contexts") or ():
        if each["name"] == config.get("current-context"):
            each["name"] = name
    config["current-context"] = name
    return yaml.safe_dump(config, sort_keys=False)


def _load(text: str) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text) or {"apiVersion": "v1", "kind": "Config"}
    except yaml.YAMLError as error:
        raise ConfigError("the kubeconfig is no YAML") from error
    lists = [config.get(name) or [] for name in _LISTS] if isinstance(config, dict) else [None]
    named = all(
        isinstance(each, list) and all(isinstance(one, dict) and "name" in one for one in each)
        for each in lists
    )
    if not named:
        raise ConfigError("this is no kubeconfig: clusters, users and contexts are lists of names")
    return dict(config)
