"""A client of HTTP/2 of another author's library (python3-h2), frame by frame.

peer.py HOST PORT plain|tls prints one JSON object per line: the name of a case and what came of it. The test compares that.
"""

import hashlib
import json
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings


class Client:
    def __init__(self, host, port, secure, settings=None):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
            assert self.socket.selected_alpn_protocol() == "h2"
        self.scheme = "https" if secure else "http"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values=settings)
        self.h2.initiate_connection()
        self.flush()
        self.streams = {}  # by number: status, fields, bytes, hash, whether it has ended, the code of a reset
        self.pings = 0
        self.ended = None  # the code of a GOAWAY
        self.open_windows = True

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def ask(self, path, *fields, method="GET", end=True):
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":path", path), (":scheme", self.scheme), (":authority", "localhost"), *fields]
        self.h2.send_headers(stream, head, end_stream=end)
        self.flush()
        self.streams[stream] = {"fields": {}, "bytes": 0, "hash": hashlib.sha256(), "ended": False, "reset": None}
        return stream

    def step(self):
        """Receives something. Returns False when the server has closed the connection."""
        data = self.socket.recv(65536)
        if not data:
            return False
        for event in self.h2.receive_data(data):
            stream = self.streams.get(getattr(event, "stream_id", None))
            if isinstance(event, h2.events.ResponseReceived):
                stream["fields"] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                stream["bytes"] += len(event.data)
                stream["hash"].update(event.data)
                if self.open_windows and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                stream["ended"] = True
            elif isinstance(event, h2.events.StreamReset):
                stream["reset"] = int(event.error_code)
            elif isinstance(event, h2.events.PingAckReceived):
                self.pings += 1
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.ended = int(event.error_code)
        self.flush()
        return True

    def until(self, condition):
        while not condition():
            if not self.step():
                raise EOFError("the server has closed the connection")

    def finish(self, *streams):
        self.until(lambda: all(self.streams[s]["ended"] or self.streams[s]["reset"] is not None for s in streams))
        return [self.outcome(s) for s in streams]

    def outcome(self, stream):
        s = self.streams[stream]
        return [s["fields"].get(":status"), s["bytes"], s["hash"].hexdigest(), s["reset"]]


CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


@case
def files(new):
    """Every kind of file on one connection, twice: the fields of the second time come from the dynamic table."""
    c = new()
    out = []
    for path in ["/small", "/large", "/dynamic/large", "/empty", "/small", "/large", "/dynamic/large", "/empty"]:
        out += c.finish(c.ask(path))
    return out


@case
def interleaved(new):
    c = new()
    return c.finish(*[c.ask(path) for path in ["/large", "/dynamic/large", "/page", "/small"] * 2])


@case
def windows(new):
    """The windows are opened by odd amounts, that of the stream and that of the connection apart."""
    c = new({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1})
    c.open_windows = False
    stream = c.ask("/large")
    step, left = 1, 0
    while not c.streams[stream]["ended"]:
        if left <= c.streams[stream]["bytes"]:
            left = c.streams[stream]["bytes"] + step
            c.h2.increment_flow_control_window(step, stream)
            c.h2.increment_flow_control_window(step)
            c.flush()
            step = min(step * 3 + 1, 90001)
        have = c.streams[stream]["bytes"]
        c.until(lambda: c.streams[stream]["bytes"] > have or c.streams[stream]["ended"])
    return [c.outcome(stream)]


@case
def settings(new):
    """The initial window becomes small, and negative for a stream, and large again. The table of header compression goes away and comes back."""
    codes = h2.settings.SettingCodes
    c = new()
    c.open_windows = False
    first = c.ask("/large")
    c.until(lambda: c.streams[first]["bytes"] == 65535)
    c.h2.update_settings({codes.INITIAL_WINDOW_SIZE: 10, codes.HEADER_TABLE_SIZE: 0})
    c.h2.increment_flow_control_window(1 << 20)
    c.flush()
    second = c.ask("/page")
    c.until(lambda: c.streams[second]["bytes"] == 10)
    c.h2.update_settings({codes.INITIAL_WINDOW_SIZE: 1 << 22, codes.HEADER_TABLE_SIZE: 65536, codes.MAX_FRAME_SIZE: 1 << 20})
    c.h2.increment_flow_control_window(1 << 22)
    c.flush()
    c.open_windows = True
    return c.finish(first, second, c.ask("/small"), c.ask("/small"))


@case
def reset(new):
    """Every other stream is given up in the middle; the others are whole."""
    c = new()
    streams = [c.ask("/large", ("priority", "i")) for _ in range(10)]
    c.until(lambda: all(c.streams[s]["bytes"] > 0 for s in streams))
    for s in streams[::2]:
        c.h2.reset_stream(s, h2.errors.ErrorCodes.CANCEL)
    c.flush()
    return c.finish(*streams[1::2])


@case
def content(new):
    """Requests with content, trailers, padding."""
    c = new()
    out = []
    stream = c.ask("/small", ("content-length", "5000"), method="POST", end=False)
    c.h2.send_data(stream, b"x" * 3000, pad_length=100)
    c.h2.send_data(stream, b"y" * 2000)
    c.h2.send_headers(stream, [("x-trailer", "z")], end_stream=True)
    c.flush()
    out += c.finish(stream)
    stream = c.ask("/small", ("content-length", "5"), end=False)
    c.h2.send_data(stream, b"12345", end_stream=True)
    c.flush()
    return out + c.finish(stream)


@case
def ping(new):
    c = new()
    stream = c.ask("/large")
    for i in range(20):
        c.h2.ping(b"%08d" % i)
    c.flush()
    out = c.finish(stream)
    c.until(lambda: c.pings == 20)
    return out


@case
def priorities(new):
    """An urgent response overtakes what is not: it has ended when none of the others has."""
    c = new({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1 << 22})
    c.open_windows = False
    others = [c.ask("/large", ("priority", "u=6")) for _ in range(3)]
    c.until(lambda: sum(c.streams[s]["bytes"] for s in others) == 65535)  # the window of the connection is used up
    urgent = c.ask("/page", ("priority", "u=0"))
    c.h2.increment_flow_control_window(1 << 24)
    c.flush()
    c.until(lambda: c.streams[urgent]["ended"])
    assert not any(c.streams[s]["ended"] for s in others), "a less urgent response has ended first"
    return [c.outcome(urgent), *c.finish(*others)]


@case
def unknown(new):
    """The server ends the connection for a fault: DATA on a stream that never was."""
    c = new()
    out = c.finish(c.ask("/small"))
    c.socket.sendall(b"\x00\x00\x01\x00\x00\x00\x00\x00\x63x")
    while c.ended is None and c.step():
        pass
    return [*out, ["GOAWAY", c.ended, "", None]]


def main():
    host, port, secure = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "tls"
    for name, run in CASES.items():
        try:
            outcome = run(lambda settings=None: Client(host, port, secure, settings))
        except Exception as e:  # pylint: disable=broad-except
            outcome = f"{type(e).__name__}: {e}"
        print(json.dumps({"case": name, "outcome": outcome}), flush=True)


main()
