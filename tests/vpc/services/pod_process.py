"""What runs in a pod: it serves its name, and evaluates the calls that it reads, one JSON text per line."""

import json
import os
import socket
import sys
import threading
import time
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM

# Whoever waits longer waits for nothing.
SECONDS_MAX = 20
kept = {}


def serve(name, port):
    listener = socket.create_server(("::", port), family=AF_INET6, dualstack_ipv6=True, backlog=1024)
    echo = socket.socket(AF_INET6, SOCK_DGRAM)
    echo.bind(("::", port))

    def accept():
        while True:
            connection, _ = listener.accept()
            connection.sendall(name.encode())
            connection.close()

    def answer():
        while True:
            data, sender = echo.recvfrom(2048)
            echo.sendto(name.encode() + b" " + data, sender)

    for each in (accept, answer):
        threading.Thread(target=each, daemon=True).start()


def family(address):
    return AF_INET6 if ":" in address else AF_INET


def made(kind, address, protocol=0):
    fresh = socket.socket(family(address), kind, protocol)
    fresh.settimeout(SECONDS_MAX)
    return fresh


def tcp(address, port, protocol=0):
    with made(SOCK_STREAM, address, protocol) as stream:
        stream.connect((address, port))
        return [stream.recv(100).decode(), stream.getpeername()[:2]]


def udp(address, port):
    with made(SOCK_DGRAM, address) as asking:
        asking.connect((address, port))
        asking.send(b"hi")
        answer, sender = asking.recvfrom(100)
        return [answer.decode(), sender[:2], asking.getpeername()[:2]]


def sendto(address, port, times=1):
    with made(SOCK_DGRAM, address) as asking:
        heard = []
        for _ in range(times):
            asking.sendto(b"hi", (address, port))
            answer, sender = asking.recvfrom(100)
            heard.append([answer.decode(), sender[:2]])
        return heard if times > 1 else heard[0]


def keep(name, address, port):
    kept[name] = made(SOCK_DGRAM, address)
    kept[name].connect((address, port))


def asks(name):
    kept[name].send(b"hi")
    return kept[name].recv(100).decode()


def hears(name):
    return kept[name].recv(100).decode()


def keep_unconnected(name):
    kept[name] = made(SOCK_DGRAM, "")


def asks_at(name, address, port):
    kept[name].sendto(b"hi", (address, port))
    answer, sender = kept[name].recvfrom(100)
    return [answer.decode(), sender[:2]]


def names(address, port, count):
    return [tcp(address, port)[0] for _ in range(count)]


def connect_seconds(kind, address, port, count):
    spent = 0.0
    for _ in range(count):
        with made(kind, address) as fresh:
            begin = time.perf_counter()
            fresh.connect((address, port))
            spent += time.perf_counter() - begin
            if kind == SOCK_STREAM:
                fresh.recv(100)
    return spent / count


def swarm(address, port):
    stop = threading.Event()
    seen, failed = {}, []

    def connect():
        while not stop.is_set():
            try:
                name = tcp(address, port)[0]
                seen[name] = seen.get(name, 0) + 1
            except OSError as error:
                failed.append(repr(error))

    threads = [threading.Thread(target=connect) for _ in range(2)]
    for each in threads:
        each.start()
    kept["swarm"] = (stop, threads, seen, failed)


def swarm_connects(count):
    seen = kept["swarm"][2]
    deadline = time.monotonic() + SECONDS_MAX
    while sum(seen.values()) < count and time.monotonic() < deadline:
        time.sleep(0.001)


def swarmed():
    stop, threads, seen, failed = kept.pop("swarm")
    stop.set()
    for each in threads:
        each.join()
    return [seen, failed]


print("ready", flush=True)
for line in sys.stdin:
    try:
        told = {"value": eval(json.loads(line))}
    except OSError as error:
        told = {"error": type(error).__name__ + ": " + os.strerror(error.errno or 0)}
    print(json.dumps(told), flush=True)
