"""The feed of the Python servers: each subscriber gets ten messages a second at a phase of its own."""

import itertools
import json
import time
from urllib.parse import parse_qs, urlsplit

INTERVAL_S = 0.1
STARTED = time.monotonic()
_subscribers = itertools.count(1)


def message(number):
    """A message: when it was published in seconds since 1970, its number, and what it is about."""
    return json.dumps({"t": time.time(), "seq": number, "price": 12.3})


def next_phase():
    """A phase from 0 to 1 for each subscriber, so that they are not served all at once."""
    return next(_subscribers) * 0.618034 % 1


def newest(phase):
    """The number of the newest message of a phase."""
    return int((time.monotonic() - STARTED) / INTERVAL_S - phase)


def wait_s(phase, number):
    """How long it is until a message is due."""
    return max(0.0, STARTED + (number + phase) * INTERVAL_S - time.monotonic())


def drop_of(url):
    """The value of `drop` in a URL's query: every so many messages are left out."""
    return int(parse_qs(urlsplit(url).query).get("drop", ["0"])[0])


async def updates(drop=0):
    """Yields the messages of one subscriber; their numbers have gaps if some are left out."""
    import asyncio

    phase = next_phase()
    for number in itertools.count(newest(phase) + 1):
        await asyncio.sleep(wait_s(phase, number))
        if not drop or number % drop:
            yield message(number)
