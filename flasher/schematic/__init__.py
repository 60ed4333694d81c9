# SPDX-License-Identifier: Apache-2.0
"""A whole image as one document: board, overlays, extensions, kernel arguments, META, pieces.

`load` reads ours and upstream's, `canonical` gives the id, `wish` turns it into what is built.
"""
