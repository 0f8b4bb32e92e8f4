"""python3 -m unittest discover -t tests/servers -s tests/servers/suite"""

import unittest

from .capture import Connection
from .measure import _by_client, differences

HOST = "127.0.0.1"


def _client(port, began_ns, ended_ns, host=HOST):
    connection = Connection((host, port), began_ns)
    connection.up.ended_ns = ended_ns
    return connection


def _behind(port, began_ns, host=HOST):
    connection = Connection((HOST, 1), began_ns)
    connection.up.start = 0
    head = f"GET / HTTP/1.1\r\nX-Client: {host}:{port}\r\n\r\n".encode()
    connection.up.take(1, head, 0, began_ns)
    return connection


class ByClient(unittest.TestCase):
    def test_a_port_that_is_given_again_is_its_last_clients(self):
        captured = {
            "sse": [_client(40000, 10, 20)],
            "streaming": [_client(40000, 30, 40), _client(40001, 31, 41)],
            # Another address, the same port.
            "websocket": [_client(40001, 15, 25, "127.0.0.2")],
            "polling": [_client(40000, 50, 60)],
        }
        of = [_behind(40000, 11), _behind(40000, 32), _behind(40000, 39), _behind(40001, 33),
              _behind(40001, 16, "127.0.0.2"), _behind(40000, 51)]
        other = [_behind(40000, 5), _behind(40002, 33)]
        plain = _by_client(captured, of + other)
        self.assertEqual(plain, {
            "sse": [(of[0], 20)],
            "streaming": [(of[1], 40), (of[2], 40), (of[3], 41)],
            "websocket": [(of[4], 25)],
            "polling": [(of[5], 60)],
        })


class Differences(unittest.TestCase):
    def test_a_number_that_several_clients_have_is_that_of_the_moment_when_it_was_published(self):
        # The run began at 7 s of the capture's clock, which is set by 20 µs later on; client B's updates have the
        # same numbers 3 ms later, and come so that one of them is nearer than client A's own.
        began, late = 7_000_000_000, 2_000_000
        own = {n: (began + n * 100_000_000 + 20_000 * (n > 3), late) for n in range(1, 6)}
        updates = {n: [(at, at + age), (at + 3_000_000, at + 3_000_000 + age - 500_000)]
                   for n, (at, age) in own.items()}
        events = [(n, n * 100_000_000, late - 900_000) for n in own]
        found = differences(events, updates)
        self.assertEqual(found, [0.9] * 5)
        # What was not captured says nothing.
        self.assertEqual(len(differences(events, {n: updates[n] for n in (1, 2)})), 2)
        self.assertEqual(differences(events, {}), [])


if __name__ == "__main__":
    unittest.main()
