# SPDX-License-Identifier: Apache-2.0
"""Images and media: build an image, write it to a card, prove what was written."""
