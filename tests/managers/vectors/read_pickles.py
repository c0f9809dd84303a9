# -*- coding: utf-8 -*-
"""Reads pickles with the Python that runs it (2.7 or 3.x) and says which give another value than expected.

    read_pickles.py FILE    lines: generation of the writer, name, pickle in hex, canonical text, the same without the
                            kinds of strings; separated by tabs. Prints a line for each difference.
"""
from __future__ import print_function

import hashlib
import io
import sys
from binascii import unhexlify

from veclib import canon

if sys.version_info[0] == 2:
    import cPickle as pickle
else:
    import pickle


def matches(expected, actual):
    if '... sha256 ' not in expected:
        return actual == expected
    return hashlib.sha256(actual.encode('ascii')).hexdigest() == expected.rsplit(' ', 1)[1]


def difference(generation, pickled, strict, loose):
    try:
        value = pickle.loads(unhexlify(pickled.encode('ascii')))
        if isinstance(value, tuple) and len(value) == 2 and value[0] == '#RETURN':
            value = value[1]
        if generation == str(sys.version_info[0]):
            actual, expected = canon(value), strict
        else:
            actual, expected = canon(value, True), loose
        return None if matches(expected, actual) else '%s instead of %s' % (actual[:200], expected[:200])
    except Exception as e:
        return '%s: %s' % (type(e).__name__, e)


def main():
    with io.open(sys.argv[1], encoding='ascii') as lines:
        for line in lines:
            generation, name, pickled, strict, loose = line.rstrip('\n').split('\t')
            found = difference(generation, pickled, strict, loose)
            if found:
                print(name, found)


if __name__ == "__main__":
    main()
