"""pywebsocket3's handler of /live. A thread for each connection. PYTHONPATH names the folder of feed.py."""

import itertools
import time

from feed import drop_of, message, newest, next_phase, wait_s


def web_socket_do_extra_handshake(request):
    pass


def web_socket_transfer_data(request):
    drop = drop_of(request.unparsed_uri)
    phase = next_phase()
    for number in itertools.count(newest(phase) + 1):
        time.sleep(wait_s(phase, number))
        if not drop or number % drop:
            request.ws_stream.send_message(message(number), binary=False)
