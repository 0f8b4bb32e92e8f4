"""Publishes ten messages a second to nchan's channel "feed", and nine of ten to "dropped"."""

import http.client
import itertools
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from feed import message, wait_s

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
for number in itertools.count(1):
    time.sleep(wait_s(0, number))
    for channel in ("feed", "dropped"):
        if channel == "dropped" and number % 10 == 0:
            continue
        connection.request("POST", f"/publish?id={channel}", message(number))
        connection.getresponse().read()
