#!/usr/bin/env python3
"""Shared lists, dicts and arrays answer as those of CPython's own server do, exceptions and their texts included.

    containers_test.py BIN_DIR
"""
import multiprocessing
import queue
import re
import sys
from multiprocessing.managers import RemoteError, SyncManager

from master import AUTHKEY, Master

SyncManager.register('PriorityQueue', queue.PriorityQueue)

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
                 u"l = m.list([u'\xe9', {u'\u20ac': b'\\xff'}, u'\U0001f600']); R(str(l), repr(str(m.dict(a=u'\xe9'))))", u"m.list().remove(u'\xe9')",
                 u"m.list().index(u'\xe9')", u"m.dict()[u'\xe9']", u"n = m.Namespace(); setattr(n, u'\xe9', u'\xfc'); R(str(n), str(n._getvalue()), getattr(n, u'\xe9'))",
                 u"getattr(m.Namespace(), u'\xe9')", "n = m.Namespace(a=1, a1=2, B=3); n._callmethod('__setattr__', ('_hidden', 1)); R(str(n))",
                 "R(str(m.Array('i', range(5))))",
                 "R(m.dict([(1, 2, 3)]))", "R(m.dict([1]))", "R(m.dict(5))", "R(m.dict(None))", "R(m.list(None))", "R(m.Array('i', 5))"):
        yield text


# Sorts: of one kind, of several, with equals that can be told apart, and with what cannot be compared.
SORTS = ["[3, 1, 2, -5, 2**62, -2**63, 2**63 - 1]", "[3, True, 1, 0, False]", "[2.5, -0.0, 0, 0.0, 1, True, 1.0]", "[2**70, -2**70, 3, 2.5, float('inf')]",
         "[2**53 + 1, float(2**53), 2**53, 2**53 - 1]", "[float('nan'), 1.0]", "[float(i * 37 % 101) for i in range(101)]", "['b', 'a', '', 'ab', 'aa', 'B']",
         "['same beginning ' + c for c in 'zyxa'] + ['same beg', 'same beginning ']", "['abcdefgh', 'abcdefg', 'abcdefghi', 'abcdefg\\0', 'abcdefg\\0\\0A', 'abcdefgA']",
         "[u'\\ue000', u'\\U00010000', u'z', u'\\xe9']", "[b'b', b'a']", "[(2, 'b'), (1, 'z'), (2, 'a')]", "[[2], [1, 5], []]", "[(1, 'x'), (1.0, 'x'), (True, 'x')]",
         "[1, 'a']", "['a', None]", "[None, None]", "[{}, {}]", "[3]", "[]", "[(i * 37 % 101, i % 2) for i in range(101)]", "[str(i * 37 % 101) for i in range(101)]"]


def sorts():
    for given in SORTS:
        for reverse in (False, True):
            yield 'l = m.list(%s); l.sort(reverse=%r); R(l[:])' % (given, reverse)
    for given in SORTS[:8]:  # lists that have no equals to be told apart come out of a queue in this order as well
        yield 'l = %s; q = m.PriorityQueue(); [q.put(x) for x in l]; R(sorted(l) == [q.get() for x in l])' % given


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
        for case in [*cases(), *sorts()]:
            total += 1
            expected, given = outcome(theirs, case), outcome(ours, case)
            if expected != given:
                wrong += 1
                print('FAILED %s\n       CPython %s\n       reeve   %s' % (case, expected, given))
    print('%d cases, %d answered in another way than by CPython %d.%d' % (total, wrong, *sys.version_info[:2]))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
