# SPDX-License-Identifier: Apache-2.0
"""What makes one card different from the next: identity, configuration, network, files.

`flasher.card.listing` reads lists of cards; it is no part of this, because it needs all that
knows machine configurations, and that is half of what a plain flash would otherwise load.
"""

from flasher.card.personality import Personality, find_meta
from flasher.card.render import CardRenderer, RenderedCard, card_values, render_card
from flasher.card.spec import CardNetwork, CardSpec, GivenEnrolment

__all__ = [
    "CardNetwork",
    "CardRenderer",
    "CardSpec",
    "GivenEnrolment",
    "Personality",
    "RenderedCard",
    "card_values",
    "find_meta",
    "render_card",
]
