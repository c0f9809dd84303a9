#!/usr/bin/env python3
"""What Python programs get from reeve-master beyond CPython's own server.

    features_test.py BIN_DIR
"""
import json
import multiprocessing
import os
import queue
import signal
import socket
import struct
import sys
import threading
import time
from multiprocessing import AuthenticationError
from multiprocessing.managers import BaseManager, RemoteError, SyncManager

from master import AUTHKEY, Master


class Client(BaseManager):
    pass


for name in ('get_task_queue', 'get_result_queue', 'get_leased', 'get_pairs', 'get_swapped', 'get_bounded', 'get_urgent', 'plain', 'nothing'):
    Client.register(name)


def connect(master, key=AUTHKEY):
    client = Client(('127.0.0.1', master.port), key.encode())
    client.connect()
    return client


def check(what, condition):
    print('%s %s' % ('ok    ' if condition else 'FAILED', what))
    if not condition:
        raise SystemExit(1)


def eventually(condition):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def raises(kind, function, *args, **kwds):
    try:
        function(*args, **kwds)
    except kind as error:
        return str(error) or kind.__name__
    return None


def test_workers_serve_what_python_puts(master):
    master.reeve('queue', 'create', 'task_queue', '--function', 'square', '--results', 'result_queue')
    worker = master.worker()
    client = connect(master)
    tasks, results = client.get_task_queue(), client.get_result_queue()
    for number in (1, 12, 2.5, -3):
        tasks.put(number)
    check('a worker in C++ squares numbers that Python put, and says so as the classic worker does',
          sorted(results.get(timeout=30) for _ in range(4)) == ['-3 * -3 = 9', '1 * 1 = 1', '12 * 12 = 144', '2.5 * 2.5 = 6.25'])
    tasks.join()
    check('join() waits for the workers', True)
    tasks.put(object)
    failed = results.get(timeout=30)
    check('what is no primitive value fails that task, with a reason', failed['state'] == 'failed' and 'pickle' in failed['error'])
    check('get() says that workers serve this queue', 'square' in raises(RuntimeError, tasks.get))
    worker.terminate()
    worker.wait()


def test_a_python_function_gets_values_as_they_are(master):
    with open(master.path('pairs.py'), 'w') as module:
        module.write('def swap(pair):\n    return pair[1], pair[0]\n')
    with open(master.path('worker.toml'), 'w') as config:
        config.write('[programs.swap]\npython = "pairs:swap"\ncwd = "%s"\n' % master.dir)
    master.reeve('queue', 'create', 'pairs', '--function', 'swap', '--results', 'swapped')
    worker = master.worker('--config', master.path('worker.toml'))
    client = connect(master)
    client.get_pairs().put(({1: 'x'}, frozenset([2])))
    check('tuples, sets and keys that JSON does not have', client.get_swapped().get(timeout=30) == (frozenset([2]), {1: 'x'}))
    worker.terminate()
    worker.wait()


def test_reeve_status_shows_python_programs(master):
    client = SyncManager(('127.0.0.1', master.port), AUTHKEY.encode())
    client.connect()
    kept = client.list([b'x' * 100000])
    counters = json.loads(master.reeve('status', '--json'))['counters']
    check('connections, objects and what they take are counted',
          counters['python_connections'] >= 1 and counters['python_objects'] >= 1 and counters['python_object_bytes'] > 100000)
    check('and shown', 'python ' in master.reeve('status'))
    del kept


def test_native_values_are_python_values(master):
    client = connect(master)
    master.reeve('queue', 'put', 'plain', '--encoding', 'json', '{"a": [1, null, 2.5, "\\u00e9"]}')
    master.reeve('queue', 'put', 'plain', 'bytes')
    plain = client.plain()
    check('JSON that reeve put is a Python value', plain.get(timeout=30) == {'a': [1, None, 2.5, '\u00e9']})
    check('raw bytes are bytes', plain.get(timeout=30) == b'bytes')
    check('a name that is no queue is refused, with what there is', "KeyError: 'nothing': there are get_NAME" in raises(RemoteError, client.nothing))


def take_one(master, expected):
    os._exit(0 if connect(master).get_leased().get() == expected else 1)  # without task_done


def test_items_are_leased_until_task_done(master):
    master.reeve('queue', 'create', 'leased', '--ack', 'task_done')
    leased = connect(master).get_leased()
    leased.put('first')
    leased.put('second')
    other = multiprocessing.get_context('fork').Process(target=take_one, args=(master, 'first'))
    other.start()
    other.join()
    check('another process had the first item', other.exitcode == 0)
    check('it is given back when that process ended',
          eventually(lambda: json.loads(master.reeve('queue', 'show', 'leased', '--json'))['leased'] == 0))
    check('it is at the front', leased.get(timeout=30) == 'first')
    leased.task_done()
    check('the second one follows', leased.get(timeout=30) == 'second')
    check('an item is open until its task_done', json.loads(master.reeve('queue', 'show', 'leased', '--json'))['unfinished'] == 1)
    leased.task_done()
    check('task_done() too often is a ValueError', raises(ValueError, leased.task_done) is not None)


def test_bounds_and_orders(master):
    master.reeve('queue', 'create', 'bounded', '--maxsize', '1')
    master.reeve('queue', 'create', 'urgent', '--kind', 'priority')
    client = connect(master)
    bounded, urgent = client.get_bounded(), client.get_urgent()
    bounded.put(1)
    check('a full queue is full', bounded.full() and raises(queue.Full, bounded.put, 2, timeout=0.1) is not None)
    check('a negative timeout is a ValueError', raises(ValueError, bounded.get, True, -1) is not None)
    for item in ((3, 'c'), (1, 'a'), (2, 'b')):
        urgent.put(item)
    check('the lowest number comes first', [urgent.get(timeout=30)[1] for _ in range(3)] == ['a', 'b', 'c'])


def test_strangers_hurt_nobody(master):
    bounded = connect(master).get_bounded()
    address = ('127.0.0.1', master.port)
    check('a wrong key is refused', raises(AuthenticationError, connect, master, 'wrong') == 'digest sent was rejected')
    silent = [socket.create_connection(address) for _ in range(200)]
    for junk in (b'', b'GET / HTTP/1.0\r\n\r\n', struct.pack('!i', 257), struct.pack('!i', -2), b'\xff' * 12, struct.pack('!i', 256) + b'x' * 10):
        with socket.create_connection(address) as stranger:
            stranger.sendall(junk)

    def hammer():
        for _ in range(500):
            with socket.create_connection(address) as stranger:
                stranger.recv(100)
                stranger.sendall(struct.pack('!i', 16) + b'w' * 16)
                stranger.recv(100)

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    served = 0
    while any(thread.is_alive() for thread in threads):
        bounded.qsize()
        served += 1
    for thread in threads:
        thread.join()
    check('2,000 wrong keys later others were served (%d calls meanwhile)' % served, served > 0 and bounded.qsize() == 1)
    for stranger in silent:
        stranger.close()


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with Master(sys.argv[1]) as master:
        for name, test in list(globals().items()):
            if name.startswith('test_'):
                test(master)
    return 0


if __name__ == '__main__':
    sys.exit(main())
