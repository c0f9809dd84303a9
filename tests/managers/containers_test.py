#!/usr/bin/env python3
"""Shared lists, dicts and arrays answer as those of CPython's own server do, exceptions and their texts included.

    containers_test.py BIN_DIR
"""
import multiprocessing
import re
import sys
from multiprocessing.managers import RemoteError, SyncManager

from master import AUTHKEY, Master

NUMBERS = [-2**63 - 1, -2**63, -2**40, -2**31 - 1, -2**15 - 1, -129, -128, -1, 0, True, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**16, 2**31,
           2**32 - 1, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**71 - 1, 2**71, 2**80, 1.5, 'x', None]


def cases():
    for typecode in 'bBhHiIlLqQ':
        for number in NUMBERS:
            yield "array = m.Array(%r, [0]); array[0] = %r; R(array[:], str(array))" % (typecode, number)
    for typecode in 'fd':
        for number in (1, 0.1, True, 2**70, 1e39, -1e39, 2**1024, -2**1024, 'x', None):
            yield "array = m.Array(%r, [0]); array[0] = %r; R(array[0])" % (typecode, number)
    for start in ("l = m.list([1]); l.extend(l2); R(l[:])", "l = m.list([1]); l += l2; R(l[:])", "R(m.list(l2)[:])", "l2.extend(l2[:]); R(l2[:])",
                  "R(m.dict(d).copy())", "o = m.dict(b=1); o.update(d); R(o.copy())", "R(m.dict(pairs).copy())",
                  "R(m.dict(l2))", "l2[0:1] = l2; R(l2[:])", "l2[::2] = l2; R(l2[:])", "l2[0:0] = a; R(l2[:])", "R(m.list(a)[:])",
                  "R(m.Array('i', l2)[:])", "R(m.Array('L', a)[:])", "R(m.Array('b', m.list(['x'])))", "R(l2 + l2)", "R(m.list(5))",
                  "R(m.list([l2])[0][:])", "l2.append(d); l2.append(a); R(m.list(l2)[-2].copy())"):
        yield "l2 = m.list([5, 6]); d = m.dict(a=1); a = m.Array('L', [1, 2**64 - 1]); pairs = m.list([[1, 2], (3, 4)]); " + start
    for typecode in 'bBhHiIlLqQfd':
        for given in (b'', b'\x01\x02\xfe\xff\x03\x04\x05\xf6', bytearray(b'\x00\x00\x00\x80\x00\x00\xf0?'), b'abc', 'abcdefgh', u'\u20ac'):
            yield "R(m.Array(%r, %r)[:])" % (typecode, given)
    for text in ("R(m.list('ab')[:])", "R(m.list(b'ab')[:])", "R(m.list(range(3))[:])", "R(m.list(frozenset([1]))[:])", "R(m.dict([(1, 2), 'ab']).copy())",
                 "R(m.dict([(1, 2, 3)]))", "R(m.dict([1]))", "R(m.dict(5))", "R(m.dict(None))", "R(m.list(None))", "R(m.Array('i', 5))"):
        yield text


def outcome(manager, case):
    said = []
    try:
        exec(case, {'m': manager, 'R': lambda *values: said.extend(values)})
    except RemoteError as error:
        said.append('RemoteError: ' + error.args[0].strip().splitlines()[-1])
    except Exception as error:
        said.append('%s: %s' % (type(error).__name__, error))
    # The class of a proxy is not known in a server without Python.
    return re.sub(r'\(not "\w+Proxy"\)', '(not a list)', repr(said))


def main():
    multiprocessing.current_process().authkey = AUTHKEY.encode()
    wrong = total = 0
    with Master(sys.argv[1]) as master, SyncManager(authkey=AUTHKEY.encode()) as theirs:
        ours = SyncManager(('127.0.0.1', master.port), AUTHKEY.encode())
        ours.connect()
        for case in cases():
            total += 1
            expected, given = outcome(theirs, case), outcome(ours, case)
            if expected != given:
                wrong += 1
                print('FAILED %s\n       CPython %s\n       reeve   %s' % (case, expected, given))
    print('%d cases, %d answered in another way than by CPython %d.%d' % (total, wrong, *sys.version_info[:2]))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
