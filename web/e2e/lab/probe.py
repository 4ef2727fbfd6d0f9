"""Finds out what a router does to UDP and TCP, in order to keep the laboratory honest.

usage: probe.py reflect ADDRESS      answers on UDP 7001 and 7002 with the address it saw; a request "other" is answered
                                     from the other port; accepts TCP on 443 and 3478
       probe.py ask ADDRESS          prints {"udp", "same_mapping", "answers_from_strangers", "tcp": {"443", "3478"}}
"""
import json
import select
import socket
import sys

PORTS = (7001, 7002)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def reflect(address):
    sockets = []
    for port in PORTS:
        s = socket.socket(family(address), socket.SOCK_DGRAM)
        s.bind((address, port))
        sockets.append(s)
    listeners = []
    for port in (443, 3478):
        s = socket.socket(family(address), socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen()
        listeners.append(s)
    print("up", flush=True)
    while True:
        for s in select.select(sockets + listeners, [], [])[0]:
            if s in listeners:
                s.accept()[0].close()
                continue
            data, source = s.recvfrom(100)
            sender = sockets[1 - sockets.index(s)] if data == b"other" else s
            sender.sendto(json.dumps(source[:2]).encode(), source)


def ask(address):
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.bind(("", 0))
    s.settimeout(0.3)

    def question(port, text=b"mine"):
        for _ in range(2):
            s.sendto(text, (address, port))
            try:
                return json.loads(s.recvfrom(100)[0])
            except TimeoutError:
                continue
        return None

    stranger = question(PORTS[0], b"other")  # before port 2 was ever sent to
    first, second = question(PORTS[0]), question(PORTS[1])
    found = {"udp": first is not None, "same_mapping": first is not None and first == second,
             "answers_from_strangers": stranger is not None, "tcp": {}}
    for port in (443, 3478):
        try:
            socket.create_connection((address, port), 0.6).close()
            found["tcp"][port] = True
        except OSError:
            found["tcp"][port] = False
    print(json.dumps(found))


{"reflect": reflect, "ask": ask}[sys.argv[1]](sys.argv[2])
