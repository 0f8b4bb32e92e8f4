"""Change points of a set of series by Apache Otava, as JSON: what tests/gate/change_points.json holds.

    change_points.py            print them
    change_points.py FILE       compare them with a file
"""

import json
import random
import sys
from importlib.metadata import version

import numpy as np
from otava.analysis import compute_change_points, compute_change_points_orig
from otava.change_point_divisive.calculator import PairDistanceCalculator

LEVEL = 0.01


def noise(seed, parts, deviation):
    """Normal noise around the mean of each part: (values, mean)."""
    chance = random.Random(seed)
    return [
        round(mean + chance.gauss(0.0, deviation), 3) for count, mean in parts for _ in range(count)
    ]


def series():
    yield "constant", [871.0] * 20
    yield "step of a count", [871.0] * 12 + [883.0] * 8
    yield "noise alone", noise(1, [(60, 100.0)], 3.0)
    yield "noise with an outlier", noise(2, [(29, 50.0)], 1.0) + [90.0] + noise(3, [(30, 50.0)], 1.0)
    yield "one step", noise(4, [(30, 100.0), (20, 110.0)], 2.0)
    yield "a step near the end", noise(5, [(50, 20.0), (6, 24.0)], 0.5)
    yield "up and down", noise(6, [(25, 10.0), (20, 14.0), (25, 10.0)], 0.6)
    yield "a staircase", noise(7, [(20, 1.0), (20, 1.5), (20, 2.0), (20, 2.5)], 0.05)
    yield "a change of the deviation", noise(8, [(40, 10.0)], 0.2) + noise(9, [(40, 10.0)], 4.0)
    yield "a drift", [round(i * 0.5 + x, 3) for i, x in enumerate(noise(10, [(40, 0.0)], 0.5))]


def examine(name, values):
    array = np.array(values)
    first = PairDistanceCalculator(array).get_next_candidate([slice(0, None)])
    by_permutations, _ = compute_change_points_orig(list(values), max_pvalue=LEVEL, seed=1)
    by_t_test, _ = compute_change_points(list(values), max_pvalue=0.001)
    return {
        "name": name,
        "values": values,
        "first": {"index": int(first.index), "q": round(float(first.qhat), 9)},
        "by_permutations": [
            {"index": int(c.index), "q": round(float(c.qhat), 9)} for c in by_permutations
        ],
        "by_t_test": [int(c.index) for c in by_t_test],
    }


def main():
    found = {
        "about": "by tests/conformance/change_points.py",
        "apache-otava": version("apache-otava"),
        "level": LEVEL,
        "series": [examine(name, values) for name, values in series()],
    }
    if len(sys.argv) < 2:
        lines = ",\n ".join(json.dumps(one) for one in found.pop("series"))
        head = ", ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in found.items())
        print(f'{{{head}, "series": [\n {lines}\n]}}')
        return
    with open(sys.argv[1], encoding="utf-8") as file:
        held = json.load(file)
    different = [
        one["name"] for one, other in zip(found["series"], held["series"]) if one != other
    ]
    if different or len(found["series"]) != len(held["series"]):
        sys.exit(f"{sys.argv[1]} differs from apache-otava {found['apache-otava']}: {different}")
    print(f"{len(found['series'])} series as apache-otava {found['apache-otava']} has them")


main()
