#!/usr/bin/env python3
"""What a multiprocessing.managers server costs: reeve-master beside CPython's own.

    managers.py BIN_DIR [CALLS] [CLIENTS]

One client at a time puts and gets; then it makes proxies (three authenticated connections each); then CLIENTS
connections wait in get(). CPU is the server's, user and system, as the system counts it.
"""
import hmac
import json
import os
import pickle
import queue
import socket
import struct
import subprocess
import sys
import tempfile
import time
from multiprocessing.managers import SyncManager

KEY = b'loopback benchmark'


class Manager(SyncManager):
    pass


def serve_cpython(ready):
    shared = queue.Queue()
    Manager.register('get_bench', callable=lambda: shared)
    Manager.register('Queue', queue.Queue)
    server = Manager(('127.0.0.1', 0), KEY).get_server()
    with open(ready + '.new', 'w') as file:
        json.dump({'managers': '127.0.0.1:%d' % server.address[1], 'pid': os.getpid()}, file)
    os.rename(ready + '.new', ready)
    server.serve_forever()


def cpu(pid):
    with open('/proc/%d/stat' % pid) as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return [int(fields[i]) / os.sysconf('SC_CLK_TCK') for i in (11, 12)]


def resident(pid):
    with open('/proc/%d/statm' % pid) as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGESIZE')


def measure(what, pid, count, call):
    before, start = cpu(pid), time.monotonic()
    for i in range(count):
        call(i)
    took = time.monotonic() - start
    user, system = [(after - earlier) / count * 1e6 for after, earlier in zip(cpu(pid), before)]
    print('%-28s %9.0f /s   server CPU %6.1f us user + %6.1f us system each' % (what, count / took, user, system), flush=True)


class RawClient:
    """A connection that costs this program nothing but a descriptor."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.send(hmac.new(KEY, self.receive()[11:], 'md5').digest())
        self.receive()
        self.send(b'#CHALLENGE#' + os.urandom(20))
        self.receive()
        self.send(b'#WELCOME#')
        self.send(pickle.dumps((None, 'accept_connection', ('bench',), {}), 2))
        self.receive()

    def send(self, payload):
        self.socket.sendall(struct.pack('!i', len(payload)) + payload)

    def receive(self):
        length, = struct.unpack('!i', self.exactly(4))
        return self.exactly(length)

    def exactly(self, count):
        data = b''
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data


def run(name, ready, calls, clients):
    with open(ready) as file:
        places = json.load(file)
    pid, port = places['pid'], int(places['managers'].rsplit(':', 1)[1])
    print('== ' + name)
    manager = Manager(('127.0.0.1', port), KEY)
    manager.connect()
    for kind, shared in (('unnamed queue', manager.Queue()), ('named queue', manager.get_bench())):
        measure(kind + ', put', pid, calls, lambda i, q=shared: q.put(b'%016d' % i))
        measure(kind + ', get', pid, calls, lambda i, q=shared: q.get())
    measure('proxies', pid, 50 if name == 'CPython' else 1000, lambda i: manager.Queue())
    if name == 'CPython':
        return
    idle = manager.Queue()
    before, waiting = resident(pid), []
    for _ in range(clients):
        client = RawClient(port)
        client.send(pickle.dumps((idle._id, 'get', (), {}), 2))
        waiting.append(client)
    quiet = manager.Queue()
    measure('put with %d who wait' % clients, pid, calls, lambda i: quiet.put(b'%016d' % i))
    print('a client that waits takes %.1f KiB' % ((resident(pid) - before) / clients / 1024 if clients else 0))


def start(command, ready, env):
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(ready):
        if process.poll() is not None:
            raise SystemExit('%s does not start' % command[0])
        time.sleep(0.02)
    return process


def main():
    if sys.argv[1] == '--serve':
        return serve_cpython(sys.argv[2])
    Manager.register('get_bench')
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    clients = int(sys.argv[3]) if len(sys.argv) > 3 else 400
    master = [os.path.join(sys.argv[1], 'reeve-master'), '--listen', '127.0.0.1:0', '--managers-listen', '127.0.0.1:0']
    with tempfile.TemporaryDirectory(prefix='reeve-bench-') as folder:
        for name, command in (('CPython', [sys.executable, os.path.abspath(__file__), '--serve']),
                              ('reeve-master --ephemeral', master + ['--ephemeral', '--data-dir', folder + '/e', '--ready-file']),
                              ('reeve-master', master + ['--data-dir', folder + '/d', '--ready-file'])):
            ready = os.path.join(folder, 'ready.%d' % len(command))
            process = start(command + [ready], ready, dict(os.environ, REEVE_AUTHKEY=KEY.decode()))
            try:
                run(name, ready, calls, clients)
            finally:
                process.terminate()
                process.wait()


if __name__ == '__main__':
    main()
