# SPDX-License-Identifier: Apache-2.0
"""What the resource API says about itself: its kinds and their namespaces."""

from edge.node.resource.definition import Kind

RESOURCE_DEFINITION = Kind(
    type="ResourceDefinitions.meta.cosi.dev",
    singular="ResourceDefinition",
    namespace="meta",
    message_name="meta_pb2.ResourceDefinitionSpec",
    columns=(("Aliases", "{.aliases[:]}"),),
)
NAMESPACE = Kind(
    type="Namespaces.meta.cosi.dev",
    singular="Namespace",
    namespace="meta",
    message_name="meta_pb2.NamespaceSpec",
    aliases=("ns",),
    columns=(("Description", "{.description}"),),
)
