"""Reads the Autobahn test suite's reports, one for each half, and fails if a case has failed or is
not strict without a known reason. Runs on Python 2.7, which the suite needs, and on 3."""
from __future__ import print_function

import json
import sys

# Cases that are permitted to be non-strict, by half (the folder of its report) and number, and why.
NON_STRICT = {}

# Verdicts of the suite that are no fault.
GOOD = {"OK", "INFORMATIONAL"}


def order(case):
    return [int(part) for part in case.split(".")]


def main(paths):
    failed = total = 0
    for path in paths:
        half = path.split("/")[-2]
        with open(path) as file:
            (cases,) = json.load(file).values()
        counts = {}
        for case in sorted(cases, key=order):
            total += 1
            behavior, close = cases[case]["behavior"], cases[case]["behaviorClose"]
            verdict = behavior if behavior not in GOOD else close
            counts[behavior] = counts.get(behavior, 0) + 1
            if verdict in GOOD:
                continue
            reason = NON_STRICT.get((half, case)) if verdict == "NON-STRICT" else None
            print("  {} {}: {}, closing {}{}".format(
                half, case, behavior, close, "; " + reason if reason else ""))
            failed += reason is None
        print("{}: {}".format(half, ", ".join(
            "{} {}".format(number, name) for name, number in sorted(counts.items()))))
    print("{} passed, {} failed".format(total - failed, failed))
    return 1 if failed or not total else 0


sys.exit(main(sys.argv[1:]))
