"""What a result file says of the bytes of a run."""

import collections
import json


def ledger(path):
    """The bytes of all phases by direction and part; of what came also `coded`, the payload of compressed messages, and
    `text`, these messages."""
    found = {"up": collections.Counter(), "down": collections.Counter()}
    for line in path.read_text().splitlines():
        second = json.loads(line).get("second")
        if second and second["case"] != 0:
            for phase in second["phases"].values():
                for direction in found:
                    found[direction].update(phase["ledger"].get(direction, {}))
                counts = phase.get("counts", {})
                found["down"]["coded"] += counts.get("coded_bytes", 0)
                found["down"]["text"] += counts.get("decoded_bytes", 0)
    return found
