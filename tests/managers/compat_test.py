#!/usr/bin/env python3
"""Runs the compatibility harness with every Python of this machine against reeve-master.

    compat_test.py BIN_DIR [--jobs N]          REEVE_PYTHONS=PATH:PATH  instead of all that are found

Each Python has a master of its own, so that several run at once; then all of them share one.
"""
import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from master import AUTHKEY, Master, pythons

HERE = os.path.dirname(os.path.abspath(__file__))
WANTED = ['2.7'] + ['3.%d' % minor for minor in range(6, 14)]


def harness(bin_dir, name, paths, *args):
    with Master(bin_dir) as master:
        done = subprocess.run([sys.executable, '-B', os.path.join(HERE, 'compat', 'run.py'), '--port', str(master.port),
                               '--authkey', AUTHKEY, '--python', ','.join(paths), '--allow', 'python', *args],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors='replace')
    return name, done.returncode == 0, text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('bin_dir')
    parser.add_argument('--jobs', type=int, default=4, help='most of the time is spent in waiting')
    options = parser.parse_args()
    found = pythons()
    print('Pythons: ' + ', '.join('%s (%s)' % item for item in found))
    missing = [version for version in WANTED if version not in dict(found)]
    print('SKIPPED, not on this machine: %s' % (', '.join(missing) or 'none'))
    if not found:
        return 1
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = [pool.submit(harness, options.bin_dir, version, [path], '--no-cross') for version, path in found]
        if len(found) > 1:
            runs.append(pool.submit(harness, options.bin_dir, 'each with others', [path for _, path in found], '--no-cases',
                                    '--no-tutorial'))
        results = [run.result() for run in runs]
    good = True
    for name, passed, text in results:
        print('%-17s %s' % (name, text.strip().split('\n')[-1]))
        for line in re.findall(r'^\S+\s+\S+\s+-\s*$', text, re.M):
            print('    skipped: ' + line.split()[0])
        if not passed:
            good = False
            print(text)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
