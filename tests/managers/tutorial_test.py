#!/usr/bin/env python3
"""The two scripts of the classic tutorial, with its three-byte authkey, against reeve-master: each side in every Python, a worker in
C++ instead, and a master that is killed in the middle.

    tutorial_test.py BIN_DIR
"""
import os
import re
import subprocess
import sys
import threading
from multiprocessing.managers import BaseManager

from master import Master, pythons

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = 'abc'


def check(what, condition):
    print('%s %s' % ('ok    ' if condition else 'FAILED', what), flush=True)
    if not condition:
        raise SystemExit(1)


def script(side, python, master):
    version, path = python
    name = os.path.join(HERE, 'tutorial', 'task_%s_py%s.py' % (side, version[0]))
    return subprocess.Popen([path, '-u', '-B', name, str(master.port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def output_of(process):
    text = process.communicate(timeout=120)[0].decode()
    return text, process.returncode == 0


def is_right(text):
    """Whether the master's side heard a result to each of its tasks, in the words of the classic worker."""
    tasks = sorted(int(n) for n in re.findall(r'Put task (\d+)', text))
    results = sorted(re.findall(r'Result: (.*)', text))
    return len(tasks) == 10 and results == sorted('%d * %d = %d' % (n, n, n * n) for n in tasks)


def test_each_python_with_another(master, found):
    for i, python in enumerate(found):
        other = found[(i + 1) % len(found)]
        worker, boss = script('worker', other, master), script('master', python, master)
        text, ended = output_of(boss)
        said, worker_ended = output_of(worker)
        check('master side %s, worker side %s' % (python[0], other[0]),
              ended and worker_ended and is_right(text) and said.count('run task') == 10 or print(text, said))


def test_a_worker_in_cpp(master, found):
    with open(master.path('master.toml'), 'w') as config:  # the queue is there, and in use: it gets a function
        config.write('[queues.task_queue]\nfunction = "square"\nresults = "result_queue"\n')
    master.args = ('--config', master.path('master.toml'))
    master.kill()
    master.start()
    worker = master.worker()
    for python in found:
        text, ended = output_of(script('master', python, master))
        check('master side %s, reeve-worker' % python[0], ended and is_right(text) or print(text))
    worker.terminate()
    worker.wait()


def read_results(master, count):
    """What the second half of the master's side reads, in a thread of its own: a connection belongs to a thread."""
    class QueueManager(BaseManager):
        pass

    QueueManager.register('get_result_queue')
    got = []

    def read():
        manager = QueueManager(address=('127.0.0.1', master.port), authkey=KEY.encode())
        manager.connect()
        result = manager.get_result_queue()
        for _ in range(count):
            got.append(result.get(timeout=60))

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    return got


def test_a_master_that_is_killed_in_the_middle(master, found):
    for python in found:
        boss = script('master', python, master)
        text = ''
        while 'Try get' not in text:
            text += boss.stdout.readline().decode()
        master.kill()  # all tasks were acknowledged, and nobody has run one yet
        boss.kill()  # it was waiting for a result; 2.7 would try for a while to tell the master that it ends
        boss.communicate()
        master.start()
        worker = master.worker()
        results = read_results(master, 4)
        master.kill()  # the worker has run some
        master.start()
        expected = {'%s * %s = %d' % (n, n, int(n) ** 2) for n in re.findall(r'Put task (\d+)', text)}
        while expected - set(results) and len(results) < 30:  # what was read last may come a second time
            results += read_results(master, 1)
        check('killed twice under the master side %s: each of ten tasks has its result' % python[0], expected == set(results))
        worker.terminate()
        worker.wait()
        master.reeve('queue', 'purge', 'result_queue')


def test_short_keys_only_on_loopback(bin_dir):
    def refusal(*args):
        done = subprocess.run([os.path.join(bin_dir, 'reeve-master'), '--ephemeral', *args], env=dict(os.environ, REEVE_AUTHKEY=KEY),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        return done.stdout.decode() if done.returncode != 0 else ''

    for args in (['--listen', '0.0.0.0:0', '--managers-listen', 'off'], ['--listen', '127.0.0.1:0', '--managers-listen', '0.0.0.0:0']):
        check('a short key is refused with ' + ' '.join(args), 'at least 8 (make one with: reeve keygen)' in refusal(*args))
    done = subprocess.run([os.path.join(bin_dir, 'reeve'), 'status', '--master', '192.0.2.1:7733'],
                          env=dict(os.environ, REEVE_AUTHKEY=KEY), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=30)
    check('and by the command line for a master elsewhere', b'at least 8' in done.stdout)


def main():
    found = pythons()
    print('Pythons: ' + ', '.join(version for version, _ in found))
    test_short_keys_only_on_loopback(sys.argv[1])
    with Master(sys.argv[1], authkey=KEY) as master:
        check('the log warns of a short key', 'the authkey has 3 bytes' in master.log() and 'reeve keygen' in master.log())
        test_each_python_with_another(master, found)
        test_a_worker_in_cpp(master, found)
        test_a_master_that_is_killed_in_the_middle(master, found)
    return 0


if __name__ == '__main__':
    sys.exit(main())
