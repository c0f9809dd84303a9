"""Changes declared objects, one after the other, until the master is gone; says each change before and after. Python 2.7 and 3.

    objects_client.py PORT AUTHKEY NAME NUMBER FIRST
"""
from __future__ import print_function
import os
import sys
from multiprocessing.managers import ArrayProxy, BaseManager, DictProxy, ListProxy, NamespaceProxy


class Client(BaseManager):
    pass


Client.register('get_scores', proxytype=DictProxy)
Client.register('get_log', proxytype=ListProxy)
Client.register('get_numbers', proxytype=ArrayProxy)
Client.register('get_state', proxytype=NamespaceProxy)


def main():
    port, key, name, number, first = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    client = Client(('127.0.0.1', port), key)
    try:
        client.connect()
        scores, log, numbers, state = client.get_scores(), client.get_log(), client.get_numbers(), client.get_state()
        i = first
        while True:
            print('try', i)
            if i % 5 == 0:
                scores['%s-%d' % (name, i)] = i
            elif i % 5 == 1:
                log.append([name, i])
            elif i % 5 == 2 and i > 12:
                scores.pop('%s-%d' % (name, i - 12))
            elif i % 5 == 3:
                numbers[number] = i
            elif i % 5 == 4:
                setattr(state, name, i)
            print('did', i)
            sys.stdout.flush()
            i += 1
    except (EOFError, IOError, OSError):
        sys.stdout.flush()
        os._exit(0)  # proxies that go would try to tell the master, 2.7 for 20 seconds each


if __name__ == '__main__':
    main()
