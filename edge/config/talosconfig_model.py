# SPDX-License-Identifier: Apache-2.0
"""The keys of a client configuration, for one that has something unusual about it.

Apart from `talosconfig`, because most are plain and the models take long to load.
"""

from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from edge.config.load import explain_all
from edge.config.model import Base64, Model, SecretBase64, Text, Texts
from edge.config.stream import RawDocument, count_faults
from edge.errors import ConfigError


class _Context(Model):
    model_config = ConfigDict(extra="allow")

    endpoints: Texts | None = None
    target: Text | None = None
    nodes: Texts | None = None
    ca: Base64 | None = None
    crt: Base64 | None = None
    key: SecretBase64 | None = None
    auth: dict[str, Any] | None = None
    cluster: Text | None = None
    proxy_url: Text | None = Field(default=None, alias="proxy-url")


class _Document(Model):
    context: Text | None = None
    contexts: dict[str, _Context] | None = None


def plain_document(raw: RawDocument, source: str) -> dict[str, Any]:
    """Return the document as texts, lists and mappings, without what is empty.

    Raises:
        ConfigError: when it is not a client configuration; every fault is listed.
    """
    try:
        document = _Document.model_validate(raw.value)
    except ValidationError as error:
        faults = tuple(explain_all(error, raw, _Document, source))
        raise ConfigError(f"{source} has {count_faults(faults)}", faults=faults) from error
    return document.model_dump(by_alias=True, exclude_none=True)
