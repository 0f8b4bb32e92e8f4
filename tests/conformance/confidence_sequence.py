"""Bets on seeded series by confseq, as JSON: what tests/gate/confidence_sequence.json holds.

    confidence_sequence.py            print them
    confidence_sequence.py FILE       compare them with a file

`src/gate/confidence_sequence.rs` is written out here a second time, with confseq's betting martingale for
the money and for the inversion. A bet on a stake g from -1 to 1 is one on the bounded mean of
(1 + g) / 2 against 1/2, with twice the share of the money. Beside that stands a confidence sequence of the
median by bets of confseq's own, on the signs alone. How often the truth is refuted is counted of both.
"""

import json
import multiprocessing
import statistics
import sys
import types

import numpy as np

# confseq imports what draws, and a twin of multiprocessing: neither is used here.
sys.modules["matplotlib"] = types.ModuleType("matplotlib")
sys.modules["matplotlib.pyplot"] = types.ModuleType("matplotlib.pyplot")
sys.modules["multiprocess"] = multiprocessing
# Its name before numpy 2.
np.float_ = np.float64

from confseq.betting import betting_mart, cs_from_martingale, diversified_betting_mart  # noqa: E402

VERSION = "0.0.11"
# Of each bound.
LEVEL = 0.01
BETS = [(0.3, 0.15), (0.6, 0.25), (0.9, 0.35), (1.0, 0.25)]
LOOKS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
KINDS = ["coin", "normal", "heavy tails", "growing", "bursts"]
LENGTHS = [8, 16, 40, 90]
# ln of no change and of 8 % more.
SHIFTS = [0.0, 0.077]
SEEDS = 3
GRID = 100
# Series without a change, of each kind.
COVERED = 600
COVERED_LENGTH = 60
COVERED_FROM = 10_000
# Of a p-value, and of a bound as a share of the series' range.
PRECISION = 1e-9


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def unit(self):
        """From 0 to 1, of 53 bits."""
        all_bits = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & all_bits
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & all_bits
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & all_bits
        return ((z ^ (z >> 31)) >> 11) / (1 << 53)


def noise(kind, i, random):
    """One value that is symmetric around zero."""
    if kind == "normal":
        total = -6.0
        for _ in range(12):
            total += random.unit()
        return total
    sign = -1.0 if random.unit() < 0.5 else 1.0
    size = random.unit()
    if kind == "coin":
        return sign
    if kind == "heavy tails":
        return sign * (size / (1.0 - size))
    if kind == "growing":
        return sign * size * (1.0 + 0.05 * i)
    return sign * size * (20.0 if i % 10 < 2 else 1.0)


def values_of(kind, length, shift, seed):
    random = SplitMix64(seed)
    return [shift + 0.03 * noise(kind, i, random) for i in range(length)]


def deviation(values):
    """The median deviation from the median."""
    middle = statistics.median(values)
    return statistics.median([abs(x - middle) for x in values])


def scales(values):
    """The scale of each value by those before it; 0 if only its sign counts."""
    return np.array([0.0 if i < 2 else deviation(values[:i]) for i in range(len(values))])


def bounded(x, scale, theta):
    """The stakes on values above theta, as values from 0 to 1 with the mean 1/2 if nothing is above it."""
    beyond = x - theta
    with np.errstate(divide="ignore", invalid="ignore"):
        stakes = np.where(scale > 0.0, np.clip(beyond / scale, -1.0, 1.0), np.sign(beyond))
    return (1.0 + stakes) / 2.0


def money(x, scale, theta, share_above):
    """The most money so far, of bets on values above theta (1), below (0), or the greater half (1/2)."""
    fns = [lambda x, m, bet=bet: np.repeat(2.0 * bet, len(x)) for bet, _ in BETS]
    martingale = diversified_betting_mart(
        bounded(x, scale, theta),
        0.5,
        lambdas_fns_positive=fns,
        lambdas_weights=[share for _, share in BETS],
        theta=share_above,
        trunc_scale=1,
    )
    return np.maximum.accumulate(martingale)


def bound(x, scale, refuted, kept, share_above):
    """The last theta on the way that is still refuted, or None."""
    is_refuted = lambda theta: money(x, scale, theta, share_above)[-1] * LEVEL >= 1.0
    if not is_refuted(refuted):
        return None
    for _ in range(45):
        middle = (refuted + kept) / 2.0
        if is_refuted(middle):
            refuted = middle
        else:
            kept = middle
    return refuted


def bounds_on_a_grid(x, scale, low, high):
    """confseq's own inversion, at the level of both bounds together, with the greater half of the money."""
    theta = lambda share: low + share * (high - low)
    lower, upper = cs_from_martingale(
        x, lambda x, m: money(x, scale, theta(m), 0.5), breaks=GRID, alpha=2.0 * LEVEL
    )
    return [theta(lower[-1]), theta(upper[-1])]


def money_by_signs(is_above, share_above):
    """The most money at any time, of confseq's predictable mixture."""
    return np.max(betting_mart(is_above.astype(float), 0.5, alpha=LEVEL, theta=share_above))


def bounds_by_signs(x):
    """A confidence sequence of the median: what the predictable mixture does not refute."""
    edges = np.concatenate(([-np.inf], np.sort(x), [np.inf]))
    kept = []
    for left, right in zip(edges, edges[1:]):
        is_above = x >= right
        if max(money_by_signs(is_above, 1), money_by_signs(is_above, 0)) * LEVEL < 1.0:
            kept.append((left, right))
    lower, upper = kept[0][0], kept[-1][1]
    return [float(lower), float(upper)] if np.isfinite(lower) and np.isfinite(upper) else None


def examine(kind, length, shift, seed):
    values = values_of(kind, length, shift, seed)
    x = np.array(values)
    scale = scales(values)
    path = money(x, scale, 0.0, 1)
    beyond = max(max(values) - min(values), 1e-3)
    low, high = min(values) - beyond, max(values) + beyond
    bounds = [bound(x, scale, low, high, 1), bound(x, scale, high, low, 0)]
    found = {
        "kind": kind,
        "length": length,
        "shift": shift,
        "seed": seed,
        "last": values[-1],
        "p": [min(1.0, 1.0 / float(path[n - 1])) for n in LOOKS if n <= length],
        "bounds": None if None in bounds else bounds,
        "by_signs": bounds_by_signs(x),
    }
    if seed % SEEDS == 0 and None not in bounds:
        # Around the interval, which may be less than a step of a grid over all values.
        width = max(bounds[1] - bounds[0], 1e-3)
        low, high = bounds[0] - width, bounds[1] + width
        found["on_a_grid"] = bounds_on_a_grid(x, scale, low, high)
        found["step"] = (high - low) / GRID
    return found


def count_refuted(kind):
    """Of series around zero, how many refute zero at any of their looks, from below and from above."""
    refuted = np.zeros((2, 2), dtype=int)
    for seed in range(COVERED_FROM, COVERED_FROM + COVERED):
        values = values_of(kind, COVERED_LENGTH, 0.0, seed)
        x = np.array(values)
        scale = scales(values)
        for side, above in enumerate((1, 0)):
            refuted[0, side] += money(x, scale, 0.0, above)[-1] * LEVEL >= 1.0
            refuted[1, side] += money_by_signs(x > 0.0, above) * LEVEL >= 1.0
    return {
        "kind": kind,
        "length": COVERED_LENGTH,
        "seeds": [COVERED_FROM, COVERED_FROM + COVERED],
        "refuted": refuted[0].tolist(),
        "refuted_by_signs": refuted[1].tolist(),
    }


def all_series():
    plans = [(k, n, s) for k in KINDS for n in LENGTHS for s in SHIFTS]
    for i, plan in enumerate(plans):
        for n in range(SEEDS):
            yield examine(*plan, SEEDS * i + n)


def is_same(one, other, near):
    """Whether both are the same but for the precision of numbers."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= near
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(is_same(a, b, near) for a, b in zip(one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[k], other[k], near) for k in one)
    return one == other


def main():
    head = {
        "about": "by tests/conformance/confidence_sequence.py",
        "confseq": VERSION,
        "level": LEVEL,
        "looks": LOOKS,
        "coverage": [count_refuted(kind) for kind in KINDS],
    }
    found = list(all_series())
    if len(sys.argv) < 2:
        lines = ",\n ".join(json.dumps(one) for one in found)
        print(f'{json.dumps(head)[:-1]}, "series": [\n {lines}\n]}}')
        return
    with open(sys.argv[1], encoding="utf-8") as file:
        held = json.load(file)
    others = held.pop("series")
    different = [
        (one["kind"], one["seed"])
        for one, other in zip(found, others)
        if not is_same(one, other, PRECISION)
    ]
    if different or len(found) != len(others) or head != held:
        sys.exit(f"{sys.argv[1]} differs from confseq {VERSION}: {different or 'its head'}")
    print(f"{len(found)} series as confseq {VERSION} has them")


main()
