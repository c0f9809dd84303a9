#!/usr/bin/env python3
"""A master that is killed again and again loses nothing that it acknowledged to Python programs.

    restart_test.py BIN_DIR
"""
import queue
import sys
import threading
from multiprocessing.managers import BaseManager

from master import AUTHKEY, Master

ROUNDS = 4
PER_ROUND = 100


class Client(BaseManager):
    pass


Client.register('get_restart_queue')


def connect(master):
    client = Client(('127.0.0.1', master.port), AUTHKEY.encode())
    client.connect()
    return client.get_restart_queue()


def in_thread(function):
    """A connection belongs to a thread, so each life of the master gets a new one."""
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def main():
    acknowledged, got, sent = set(), [], 0
    with Master(sys.argv[1]) as master:
        def put_until_killed():
            nonlocal sent
            items = connect(master)
            try:
                while True:
                    value, sent = sent, sent + 1
                    items.put(value)
                    acknowledged.add(value)
                    if value % 3 == 0:
                        got.append(items.get(timeout=10))
                    if sent % PER_ROUND == 0:
                        threading.Thread(target=master.process.kill).start()  # while this goes on
            except (EOFError, OSError):
                pass

        def drain():
            items = connect(master)
            try:
                while True:
                    got.append(items.get(timeout=1))
            except queue.Empty:
                pass

        for _ in range(ROUNDS):
            in_thread(put_until_killed)
            master.kill()
            master.start()
        in_thread(drain)
    lost = acknowledged - set(got)
    print('%d acknowledged, %d got, %d lost, %d twice' % (len(acknowledged), len(got), len(lost), len(got) - len(set(got))))
    return 0 if len(acknowledged) >= ROUNDS * (PER_ROUND - 1) and not lost else 1


if __name__ == '__main__':
    sys.exit(main())
