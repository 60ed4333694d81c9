# SPDX-License-Identifier: Apache-2.0
"""What makes one card different from the next: identity, configuration, network, files."""

from flasher.card.listing import load_list, make_card
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
    "load_list",
    "make_card",
    "render_card",
]
