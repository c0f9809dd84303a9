#!/usr/bin/env python3
"""CPython's own tests of managers, from every Python of this machine that has them, with reeve-master as their server.

    cpython_test.py BIN_DIR [--jobs N]          REEVE_PYTHONS=PATH:PATH  instead of all that are found

Everything passes that needs no Python interpreter in the server. What does is named below; should one of these pass
some day, that is a failure here too, so that the list stays true.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from master import AUTHKEY, Master, pythons

HERE = os.path.dirname(os.path.abspath(__file__))
PASSED_MIN = 30  # fewer: the suite was not found, rather than passed

NEEDS_AN_INTERPRETER = {
    'TestSyncManagerTypes.test_pool': 'a Pool runs Python in the server',
    'setUpClass (__main__.WithManagerTestPool)': 'a Pool runs Python in the server',
    'WithManagerTestBarrier.test_action': 'the action is a Python function that the server calls',
    'WithManagerTestMyManager.test_mymanager': 'Foo is a Python class of the server',
    'WithManagerTestMyManager.test_mymanager_context': 'Foo is a Python class of the server',
    'WithManagerTestMyManager.test_mymanager_context_prestarted': 'Foo is a Python class of the server',
    'WithManagerTestRemoteManager.test_remote': 'expects that XML-RPC made a list of a tuple',
}


def suite(bin_dir, version, path):
    # In a directory of its own: tests make `tempcwd` where they stand, and the other Pythons run beside this one.
    with Master(bin_dir) as master, tempfile.TemporaryDirectory() as directory:
        done = subprocess.run([path, '-B', os.path.join(HERE, 'cpython_client.py'), '127.0.0.1', str(master.port), AUTHKEY],
                              cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors='replace')
    said = re.findall(r'^(passed|skipped|failed) +(setUpClass \(\S+\)|\S+)', text, re.M)
    failed = {name for word, name in said if word == 'failed'}
    passed = {name for word, name in said if word == 'passed'}
    wrong = failed - set(NEEDS_AN_INTERPRETER) | passed & set(NEEDS_AN_INTERPRETER)
    good = done.returncode == 0 and len(passed) >= PASSED_MIN and not wrong
    print('%-5s %d passed, %d need an interpreter in the server%s' %
          (version, len(passed), len(failed & set(NEEDS_AN_INTERPRETER)), '' if good else ', WRONG: %s' % sorted(wrong)))
    if not good:
        print(text)
    return good


def has_suite(path):
    return subprocess.run([path, '-c', 'import test._test_multiprocessing'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('bin_dir')
    parser.add_argument('--jobs', type=int, default=4, help='most of the time is spent in waiting')
    options = parser.parse_args()
    found = [(version, path) for version, path in pythons() if has_suite(path)]
    print('Pythons with their own tests: ' + (', '.join('%s (%s)' % item for item in found) or 'none, SKIPPED'))
    with ThreadPoolExecutor(options.jobs) as pool:
        results = [pool.submit(suite, options.bin_dir, *item) for item in found]
    return 0 if all(result.result() for result in results) else 1


if __name__ == '__main__':
    sys.exit(main())
