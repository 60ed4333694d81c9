# SPDX-License-Identifier: Apache-2.0
"""One model a document kind, by area. `edge.config.document.KINDS` says which is where."""
