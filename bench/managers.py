#!/usr/bin/env python3
"""What a multiprocessing.managers server costs: reeve-master beside CPython's own.

    managers.py BIN_DIR [CALLS] [CLIENTS]

One client at a time puts and gets; then one makes proxies (three authenticated connections each); then CLIENTS
connections wait in get(); then strangers with a wrong key knock, as many as 10,000 a second, while a client puts. Then
one client puts and gets with everything on one processor, where no time goes into waking the other one. Last, eight
clients put and get at each server by turns, for the speed of a shared machine changes from one minute to the next, and one
client hands items to another while all processors are busy with something else.
CPU is the server's, user and system, as the system counts it. Where CPython's server did the same, the ratio to
it is shown. Yardsticks are what a bare server in C++ needs that only sends messages back, and what it costs a client of
reeve when the strangers knock there.
"""
import contextlib
import hmac
import json
import multiprocessing
import os
import pickle
import queue
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
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
    report(what, count, took, [after - earlier for after, earlier in zip(cpu(pid), before)])


rates, cpython_rates = {}, {}


def report(what, count, took, spent):
    rate = rates[what] = count / took
    user, system = [seconds / count * 1e6 for seconds in spent]
    beside = ', %.1f times CPython' % (rate / cpython_rates[what]) if what in cpython_rates else ''
    print('%-28s %9.0f /s   server CPU %6.1f us user + %6.1f us system each%s' % (what, rate, user, system, beside), flush=True)


def put_and_get(port, calls, ready, go):
    manager = Manager(('127.0.0.1', port), KEY)
    manager.connect()
    items = manager.Queue()
    items.put(b'')
    items.get()
    ready.release()
    go.wait()
    for i in range(calls // 2):
        items.put(b'%016d' % i)
        items.get()


def together(pid, port, calls, clients):
    """Puts and gets of several client processes at once: how many a second, and the CPU of server and clients for each, in us."""
    ready, go = multiprocessing.Semaphore(0), multiprocessing.Event()
    processes = [multiprocessing.Process(target=put_and_get, args=(port, calls, ready, go)) for _ in range(clients)]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    before, own, start = cpu(pid), os.times(), time.monotonic()
    go.set()
    for process in processes:
        process.join()
    took, after = time.monotonic() - start, os.times()
    clients_spent = after.children_user + after.children_system - own.children_user - own.children_system
    spent = [later - earlier for later, earlier in zip(cpu(pid), before)] + [clients_spent]
    return [calls * clients / took] + [seconds / calls / clients * 1e6 for seconds in spent]


def by_turns(servers, calls, clients, rounds):
    """Servers: name, pid and port of each; the first is the one that the others are compared with."""
    print('== %d clients put and get at once; medians of %d rounds by turns' % (clients, rounds))
    results = {name: [] for name, _, _ in servers}
    for _ in range(rounds):
        for name, pid, port in servers:
            results[name].append(together(pid, port, calls, clients))
    peer = [result[0] for result in results[servers[0][0]]]
    for name, measured in results.items():
        rate, user, system, client = [statistics.median(column) for column in zip(*measured)]
        ratios = sorted(result[0] / beside for result, beside in zip(measured, peer))
        print('%-28s %9.0f /s   server CPU %6.1f us user + %6.1f us system each, of a client %.1f us%s' % (
            name, rate, user, system, client, '' if name == servers[0][0] else
            ', %.1f times CPython (%.1f to %.1f)' % (statistics.median(ratios), ratios[0], ratios[-1])), flush=True)


def passed_on(port, seconds):
    """Items a second that one client hands to another and gets back while every processor has something else to compute."""
    manager = Manager(('127.0.0.1', port), KEY)
    manager.connect()
    there, back = manager.Queue(), manager.Queue()

    def hand_back():
        while there.get() is not None:
            back.put(b'')

    other, count = threading.Thread(target=hand_back), 0
    other.start()
    with contextlib.ExitStack() as busy:
        for _ in range(os.cpu_count()):
            busy.enter_context(strangers(spin))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            there.put(b'')
            back.get()
            count += 1
    there.put(None)
    other.join()
    return count / seconds


def beside_computing(servers, rounds):
    print('== one client hands items to another, beside %d programs that compute; medians of %d rounds by turns' % (os.cpu_count(), rounds))
    rates = {name: [] for name, _, _ in servers}
    for _ in range(rounds):
        for name, _, port in servers:
            rates[name].append(passed_on(port, 3))
    for name, measured in rates.items():
        print('%-28s %9.0f items/s (%.0f to %.0f)' % (name, statistics.median(measured), min(measured), max(measured)), flush=True)


def knock(port, stop, count):
    """Strangers who answer the challenge wrongly, one after the other but for those under way; at most 10,000 a second."""
    begin, done = time.monotonic(), 0
    while not stop.is_set():
        batch = [socket.create_connection(('127.0.0.1', port)) for _ in range(20)]
        for one in batch:
            one.recv(256)
            one.sendall(struct.pack('!i', 16) + bytes(16))
        for one in batch:
            one.recv(256)
            one.close()
        done += len(batch)
        count.value = done / (time.monotonic() - begin)
        ahead = done / STRANGERS_PER_S - (time.monotonic() - begin)
        if ahead > 0:
            time.sleep(ahead)


STRANGERS_PER_S = 10000


def latency(call, count):
    took = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        took.append((time.perf_counter() - start) * 1e6)
    took.sort()
    return took[count // 2], took[count * 99 // 100]


@contextlib.contextmanager
def strangers(target, *args):
    """A process that keeps a processor busy, with the network or without."""
    stop, count = multiprocessing.Event(), multiprocessing.Value('d', 0)
    process = multiprocessing.Process(target=target, args=(*args, stop, count))
    process.start()
    try:
        yield count
    finally:
        stop.set()
        process.join()


def spin(stop, count):
    while not stop.is_set():
        count.value += 1


@contextlib.contextmanager
def bare_server(folder):
    """Its process, the port that sends messages back, and the one that refuses strangers."""
    process = subprocess.Popen([os.path.join(folder, 'bare_server')], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield (process.pid,) + tuple(int(port) for port in process.stdout.readline().split())
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def bare_echo(pid, port, calls):
    with socket.create_connection(('127.0.0.1', port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def call(_):
            connection.sendall(b'x' * 70)
            connection.recv(4096)
        measure('bare server, 70 bytes', pid, calls, call)


def besieged(port, calls, bare_port):
    manager = Manager(('127.0.0.1', port), KEY)
    manager.connect()
    items = manager.Queue()

    def put():
        items.put(b'x')

    latency(put, 500)
    print('put, nobody else             p50 %.0f us, p99 %.0f us' % latency(put, calls))
    with strangers(spin):  # what a busy processor alone costs on this machine
        print('put, one busy processor      p50 %.0f us, p99 %.0f us' % latency(put, calls))
    for place, where in (('', port), (' at the bare server', bare_port)):
        with strangers(knock, where) as count:
            p50, p99 = latency(put, calls)
            print('put, %5.0f wrong keys a second%s p50 %.0f us, p99 %.0f us' % (count.value, place, p50, p99))


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


def run(name, pid, port, calls, clients, bare_port):
    print('== ' + name)
    manager = Manager(('127.0.0.1', port), KEY)
    manager.connect()
    for kind, shared in (('unnamed queue', manager.Queue()), ('named queue', manager.get_bench())):
        measure(kind + ', put', pid, calls, lambda i, q=shared: q.put(b'%016d' % i))
        measure(kind + ', get', pid, calls, lambda i, q=shared: q.get())
    measure('proxies', pid, 50 if name == 'CPython' else 1000, lambda i: manager.Queue())
    if name == 'CPython':
        return cpython_rates.update(rates)
    besieged(port, calls, bare_port)
    idle = manager.Queue()
    before, waiting = resident(pid), []
    for _ in range(clients):
        client = RawClient(port)
        client.send(pickle.dumps((idle._id, 'get', (), {}), 2))
        waiting.append(client)
    quiet = manager.Queue()
    measure('put with %d who wait' % clients, pid, calls, lambda i: quiet.put(b'%016d' % i))
    print('a client that waits takes %.1f KiB' % ((resident(pid) - before) / clients / 1024 if clients else 0))


def on_one_processor(command, calls):
    """Puts and gets of one client, with the server beside it on the same processor."""
    with server(command) as (pid, port):
        manager = Manager(('127.0.0.1', port), KEY)
        manager.connect()
        items = manager.Queue()
        measure('put', pid, calls, lambda i: items.put(b'%016d' % i))
        measure('get', pid, calls, lambda i: items.get())


@contextlib.contextmanager
def server(command):
    """Its pid and its port for Python programs. In the command, '@' is a folder of its own."""
    with tempfile.TemporaryDirectory(prefix='reeve-bench-') as folder:
        ready = os.path.join(folder, 'ready')
        process = subprocess.Popen([word.replace('@', folder) for word in command + [ready]],
                                   env=dict(os.environ, REEVE_AUTHKEY=KEY.decode()), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not os.path.exists(ready):
                if process.poll() is not None:
                    raise SystemExit('%s does not start' % command[0])
                time.sleep(0.02)
            with open(ready) as file:
                places = json.load(file)
            yield places['pid'], int(places['managers'].rsplit(':', 1)[1])
        finally:
            process.terminate()
            process.wait()


def may_be_favoured():
    return subprocess.run(FAVOURED + ['true'], stderr=subprocess.PIPE).stderr == b''


FAVOURED = ['nice', '-n', '-5']  # as the systemd unit has it


def main():
    if sys.argv[1] == '--serve':
        return serve_cpython(sys.argv[2])
    Manager.register('get_bench')
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    clients = int(sys.argv[3]) if len(sys.argv) > 3 else 400
    cpython = [sys.executable, os.path.abspath(__file__), '--serve']
    durable = [os.path.join(sys.argv[1], 'reeve-master'), '--listen', '127.0.0.1:0', '--managers-listen', '127.0.0.1:0',
               '--data-dir', '@/data', '--ready-file']
    ephemeral = durable[:1] + ['--ephemeral'] + durable[1:]
    with bare_server(sys.argv[1]) as (bare, echo_port, refuse_port):
        bare_echo(bare, echo_port, calls)
        for name, command in (('CPython', cpython), ('reeve-master --ephemeral', ephemeral), ('reeve-master', durable)):
            with server(command) as place:
                run(name, *place, calls, clients, refuse_port)
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})
    print('== all on one processor')
    rates.clear()
    cpython_rates.clear()
    with bare_server(sys.argv[1]) as (bare, echo_port, _):
        bare_echo(bare, echo_port, calls)
    print('CPython')
    on_one_processor(cpython, calls)
    cpython_rates.update(rates)
    print('reeve-master --ephemeral')
    on_one_processor(ephemeral, calls)
    os.sched_setaffinity(0, everywhere)

    with contextlib.ExitStack() as running:
        commands = {'CPython': cpython, 'reeve-master --ephemeral': ephemeral, 'reeve-master': durable}
        if may_be_favoured():
            commands['reeve-master, nice -5'] = FAVOURED + durable
        servers = [(name, *running.enter_context(server(command))) for name, command in commands.items()]
        by_turns(servers, calls // 4, 8, 7)
        beside_computing(servers, 5)


if __name__ == '__main__':
    main()
