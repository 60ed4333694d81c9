# SPDX-License-Identifier: Apache-2.0
"""Machine configuration: documents, patches, generation."""
