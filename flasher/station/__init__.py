# SPDX-License-Identifier: Apache-2.0
"""A bench that makes cards: whatever is put into its ports becomes the next item of a list."""

from flasher.station.crew import Maker, Threads
from flasher.station.event import (
    CardMade,
    Phase,
    SlotEvent,
    SlotMoved,
    SlotNoted,
    SlotProgressed,
    StationNoted,
)
from flasher.station.item import Item, Order, order_alike, order_list
from flasher.station.ledger import Ledger, Standing, State, opened
from flasher.station.maker import CardMaker
from flasher.station.port import Sighting, look
from flasher.station.run import Inbox, run_station
from flasher.station.station import MOST_JOBS, Station

__all__ = [
    "MOST_JOBS",
    "CardMade",
    "CardMaker",
    "Inbox",
    "Item",
    "Ledger",
    "Maker",
    "Order",
    "Phase",
    "Sighting",
    "SlotEvent",
    "SlotMoved",
    "SlotNoted",
    "SlotProgressed",
    "Standing",
    "State",
    "Station",
    "StationNoted",
    "Threads",
    "look",
    "opened",
    "order_alike",
    "order_list",
    "run_station",
]
