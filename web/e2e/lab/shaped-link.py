"""A link between two namespaces that delays, jitters, loses and slows frames, or is cut.

This kernel has no netem, so the link is a pair of TAP devices and a loop that copies frames between them through a
heap ordered by due time. It reads its configuration again whenever the file changes and ends when the file is gone.

usage: shaped-link.py NAMESPACE IF NAMESPACE IF CONFIG
CONFIG is JSON: delay_ms, jitter_ms, loss (0..1), rate_bit (bit/s, 0 = unlimited), queue_ms, cut (true or false).
"""
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    fd = os.open(path, os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), path)
    os.close(fd)


def tap(namespace, name, home=os.open("/proc/self/ns/net", os.O_RDONLY)):
    enter(f"/run/netns/{namespace}")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    libc.setns(home, CLONE_NEWNET)
    return fd


class Direction:
    """Frames one way. The queue is bounded by time (`queue_ms`): what would wait longer is dropped, as in a modem."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.free_at = 0.0
        self.last_due = 0.0
        self.waiting = []
        self.count = 0

    def take(self, config, now):
        for _ in range(64):
            try:
                frame = os.read(self.source, 65536)
            except BlockingIOError:
                return
            except OSError:  # the interface is down
                return
            if config["cut"] or random.random() < config["loss"]:
                continue
            start = max(now, self.free_at)
            if start - now > config["queue_ms"] / 1000:
                continue
            rate = config["rate_bit"]
            self.free_at = start + (len(frame) * 8 / rate if rate else 0)
            due = self.free_at + (config["delay_ms"] + random.uniform(0, config["jitter_ms"])) / 1000
            # Order is kept: a frame that would overtake waits for the one before it.
            self.last_due = due = max(due, self.last_due)
            self.count += 1
            heapq.heappush(self.waiting, (due, self.count, frame))

    def give(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            frame = heapq.heappop(self.waiting)[2]
            try:
                os.write(self.sink, frame)
            except OSError:
                pass


def main():
    one, one_if, two, two_if, path = sys.argv[1:]
    a, b = tap(one, one_if), tap(two, two_if)
    ways = [Direction(a, b), Direction(b, a)]
    defaults = {"delay_ms": 0, "jitter_ms": 0, "loss": 0.0, "rate_bit": 0, "queue_ms": 250, "cut": False}
    config, read_at, stamp = dict(defaults), 0.0, None
    print("up", flush=True)
    while True:
        now = time.monotonic()
        if now - read_at > 0.1:
            read_at = now
            try:
                latest = os.stat(path).st_mtime_ns
                if latest != stamp:
                    config = {**defaults, **json.load(open(path))}
                    stamp = latest
            except FileNotFoundError:
                return
            except ValueError:  # half written: read it the next time
                pass
        due = min((way.waiting[0][0] for way in ways if way.waiting), default=now + 0.1)
        ready, _, _ = select.select([a, b], [], [], max(0.0, min(0.1, due - now)))
        now = time.monotonic()
        for way in ways:
            if way.source in ready:
                way.take(config, now)
            way.give(now)


main()
