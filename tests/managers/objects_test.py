#!/usr/bin/env python3
"""Objects that the configuration declares: found by every Python, and as durable as tasks.

    objects_test.py BIN_DIR
"""
import os
import random
import subprocess
import sys
import threading
from multiprocessing.managers import (AcquirerProxy, ArrayProxy, BaseManager, BarrierProxy, ConditionProxy, DictProxy, EventProxy,
                                      ListProxy, NamespaceProxy, RemoteError, ValueProxy)

from master import AUTHKEY, Master, pythons

CHANGES_BEFORE_KILL = 40  # of each client: lines, two for a change
HERE = os.path.dirname(os.path.abspath(__file__))
OBJECTS = {
    'scores': ('type = "dict"', DictProxy),
    'log': ('type = "list"', ListProxy),
    'state': ('type = "Namespace"', NamespaceProxy),
    'total': ('type = "Value"\ntypecode = "d"\nvalue = 1.5', ValueProxy),
    'title': ('type = "Value"\ntypecode = "u"\nvalue = "none yet"', ValueProxy),
    'numbers': ('type = "Array"\ntypecode = "l"\nsize = 300', ArrayProxy),
    'go': ('type = "Event"', EventProxy),
    'lock': ('type = "Lock"', AcquirerProxy),
    'rlock': ('type = "RLock"', AcquirerProxy),
    'tickets': ('type = "Semaphore"\nvalue = 2', AcquirerProxy),
    'places': ('type = "BoundedSemaphore"\nvalue = 3', AcquirerProxy),
    'changed': ('type = "Condition"', ConditionProxy),
    'gate': ('type = "Barrier"\nparties = 2\ntimeout = "20s"', BarrierProxy),
    'urgent': ('type = "PriorityQueue"\nmaxsize = 3', None),
}


class Client(BaseManager):
    pass


for object_name, (_, proxy) in OBJECTS.items():
    Client.register('get_' + object_name, proxytype=proxy)
Client.register('list', proxytype=ListProxy)


def connect(master):
    client = Client(('127.0.0.1', master.port), AUTHKEY.encode())
    client.connect()
    return client


def check(what, condition):
    print('%s %s' % ('ok    ' if condition else 'FAILED', what), flush=True)
    if not condition:
        raise SystemExit(1)


def in_thread(function, *args):
    """A connection belongs to a thread, so each life of the master gets a new one."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(function(*args)))
    thread.start()
    thread.join()
    if not answers:
        raise SystemExit('the thread ended with an error')
    return answers[0]


def restart(master):
    master.kill()
    master.start()


def test_every_type_is_there_and_its_state_outlives_the_master(master):
    def use():
        client = connect(master)
        check('a Value holds what the configuration says', client.get_total().value == 1.5 and client.get_title().value == 'none yet')
        check('an Array is of zeros', client.get_numbers()[:] == __import__('array').array('l', [0] * 300))
        client.get_scores().update(ada=3, bob=[1, (2, None)])
        client.get_log().extend(['a', b'b', 3])
        client.get_state().x = {'y': 1}
        client.get_total().value = 2.25
        client.get_title().value = 'caf\u00e9'
        client.get_numbers()[299] = -7
        client.get_go().set()
        tickets = client.get_tickets()
        check('a Semaphore gives what it has', tickets.acquire(False) and tickets.acquire(False) and not tickets.acquire(False))
        for _ in range(3):
            tickets.release()
        places = client.get_places()
        check('a BoundedSemaphore has a bound', all(places.acquire(False) for _ in range(3)) and not places.acquire(False))
        check('locks are taken', client.get_lock().acquire() and client.get_rlock().acquire() and client.get_changed().acquire())
        client.get_urgent().put((2, 'later'))
        client.get_urgent().put((1, 'now'))
        return True

    def look():
        client = connect(master)
        check('a dict', dict(client.get_scores().items()) == {'ada': 3, 'bob': [1, (2, None)]})
        check('a list', list(client.get_log()) == ['a', b'b', 3])
        check('a Namespace', client.get_state().x == {'y': 1})
        check('Values', client.get_total().value == 2.25 and client.get_title().value == 'caf\u00e9')
        check('an Array', client.get_numbers()[299] == -7 and len(client.get_numbers()) == 300)
        check('an Event', client.get_go().is_set())
        tickets = client.get_tickets()
        check('the count of a Semaphore', [tickets.acquire(False) for _ in range(4)] == [True, True, True, False])
        check('who held a BoundedSemaphore is gone', [client.get_places().acquire(False) for _ in range(4)] == [True, True, True, False])
        check('so is who held a lock', client.get_lock().acquire(False) and client.get_rlock().acquire(False) and
              client.get_changed().acquire(False))
        check('a queue is one of reeve\'s', 'urgent' in master.reeve('queue', 'ls') and client.get_urgent().get()[1] == 'now')
        return True

    in_thread(use)
    restart(master)
    in_thread(look)


def test_objects_need_no_proxy_class(master):
    class Plain(BaseManager):
        pass

    for name in OBJECTS:
        Plain.register('get_' + name)

    def use():
        client = Plain(('127.0.0.1', master.port), AUTHKEY.encode())
        client.connect()
        check('all have a proxy that can be shown', all(repr(getattr(client, 'get_' + name)()) for name in OBJECTS))
        check('a Barrier without BarrierProxy', client.get_gate().reset() is None)
        scores = client.get_scores()
        scores['plain'] = 1
        check('a dict without DictProxy', scores['plain'] == 1 and 'plain' in scores.keys() and scores.pop('plain') == 1)
        check('a list without ListProxy is iterated', list(client.get_log()) == client.get_log()[:])
        return True

    in_thread(use)


def test_a_barrier_brings_two_clients_together(master):
    arrived = []
    thread = threading.Thread(target=lambda: arrived.append(connect(master).get_gate().wait()))
    thread.start()
    arrived.append(connect(master).get_gate().wait())
    thread.join()
    check('a Barrier', sorted(arrived) == [0, 1])


def random_list_change(shared, model, choose):
    at, value = choose.randrange(len(model) + 1), choose.randrange(1000)
    what = choose.randrange(12)
    if what < 3:
        shared.append(value)
        model.append(value)
    elif what < 5:
        shared.insert(at, value)
        model.insert(at, value)
    elif what == 5 and model:
        check_equal(shared.pop(0), model.pop(0))
    elif what == 6 and model:
        check_equal(shared.pop(), model.pop())
    elif what == 7 and at < len(model):
        shared[at] = value
        model[at] = value
    elif what == 8:
        shared[at:at + 3] = [value] * (value % 6)
        model[at:at + 3] = [value] * (value % 6)
    elif what == 9:
        del shared[at::2]
        del model[at::2]
    elif what == 10:
        shared.reverse() if value % 2 else shared.sort()
        model.reverse() if value % 2 else model.sort()
    elif what == 11 and len(model) < 50:
        shared.extend(range(value % 9))
        model.extend(range(value % 9))


def check_equal(a, b):
    if a != b:
        raise SystemExit('FAILED %r is not %r' % (a, b))


def random_dict_change(shared, model, choose):
    key, value = 'k%d' % choose.randrange(30), choose.randrange(1000)
    what = choose.randrange(10)
    if what < 5:
        shared[key] = value
        model[key] = value
    elif what == 5:
        check_equal(shared.pop(key, None), model.pop(key, None))
    elif what == 6:
        check_equal(shared.setdefault(key, value), model.setdefault(key, value))
    elif what == 7 and model:
        check_equal(shared.popitem(), model.popitem())
    elif what == 8:
        shared.update({key: value, 'also': value})
        model.update({key: value, 'also': value})
    elif what == 9 and value < 50:
        shared.clear()
        model.clear()


def random_array_change(shared, model, choose):
    at, value = choose.randrange(len(model)), choose.randrange(-1000, 1000)
    if choose.randrange(4):
        shared[at] = value
        model[at] = value
    else:
        some = __import__('array').array('l', [value] * choose.randrange(150, 250))
        shared[at:at + 200] = some
        model[at:at + 200] = some


def test_random_changes_are_there_after_restarts(master):
    seed = random.randrange(1 << 30)
    print('seed %d' % seed)
    choose = random.Random(seed)
    client = connect(master)
    del client.get_log()[:]  # it has values that cannot be compared
    models = {'log': [], 'scores': dict(client.get_scores().items()), 'numbers': client.get_numbers()[:]}

    def change():
        client = connect(master)
        for _ in range(150):
            random_list_change(client.get_log(), models['log'], choose)
            random_dict_change(client.get_scores(), models['scores'], choose)
            random_array_change(client.get_numbers(), models['numbers'], choose)
        return True

    def compare():
        client = connect(master)
        return (list(client.get_log()) == models['log'] and client.get_numbers()[:] == models['numbers'] and
                list(client.get_scores().items()) == list(models['scores'].items()))

    for _ in range(3):
        in_thread(change)
        check('objects are what a program of its own would have', in_thread(compare))
        restart(master)
        check('and so they are after a kill -9', in_thread(compare))

    def at_one_place():
        log = connect(master).get_log()
        for i in range(100):  # between the same two items there is soon no room
            log.insert(1, i)
            models['log'].insert(1, i)
        return True

    in_thread(at_one_place)
    restart(master)
    check('a hundred insertions at one place', in_thread(compare))


def own_state(name, number, done):
    """What NAME has changed after `done` changes, beginning with number 0."""
    ops = range(done)
    scores = {'%s-%d' % (name, i): i for i in ops if i % 5 == 0}
    for i in ops:
        if i % 5 == 2 and i > 12:
            del scores['%s-%d' % (name, i - 12)]
    return (scores, [i for i in ops if i % 5 == 1], max([i for i in ops if i % 5 == 3], default=0),
            max([i for i in ops if i % 5 == 4], default=None))


def seen_state(client, name, number):
    scores = {key: value for key, value in client.get_scores().items() if key.startswith(name + '-')}
    log = [i for who, i in client.get_log() if who == name]
    return scores, log, client.get_numbers()[number], getattr(client.get_state(), name, None)


def test_what_was_acknowledged_to_any_python_is_there_after_a_kill(master):
    def empty():
        client = connect(master)
        client.get_scores().clear()
        del client.get_log()[:]
        client.get_numbers()[:] = __import__('array').array('l', [0] * 50)
        return True

    in_thread(empty)
    found = pythons()
    print('Pythons: ' + ', '.join(version for version, _ in found))
    done = [0] * len(found)
    total = 0
    for life in range(4):
        running = []
        for number, (version, path) in enumerate(found):
            running.append(subprocess.Popen(
                [path, '-B', os.path.join(HERE, 'objects_client.py'), str(master.port), AUTHKEY, 'p' + version.replace('.', '_'),
                 str(number), str(done[number])], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE))
        heads = [[process.stdout.readline() for _ in range(CHANGES_BEFORE_KILL)] for process in running]  # all are at work
        master.kill()
        outputs = [(b''.join(head) + process.communicate()[0]).decode().split('\n') for head, process in zip(heads, running)]
        master.start()

        def compare():
            client = connect(master)
            for number, (version, _) in enumerate(found):
                did = [int(line.split()[1]) for line in outputs[number] if line.startswith('did')]
                name = 'p' + version.replace('.', '_')
                acknowledged = did[-1] + 1 if did else done[number]
                seen = seen_state(client, name, number)
                for count in (acknowledged, acknowledged + 1):  # the last change was not answered, and may have happened
                    if own_state(name, number, count) == seen:
                        done[number] = count
                        break
                else:
                    print('%s: %d changes were acknowledged: %r\nthere is %r' % (
                        version, acknowledged, own_state(name, number, acknowledged), seen))
                    return False
            return True

        check('life %d: everything that was acknowledged is there' % (life + 1), in_thread(compare))
        total = sum(done)
    check('there was something to lose: %d changes' % total, total > 100)


def test_names_are_the_same_in_every_life(master):
    def keep():
        client = connect(master)
        shared = client.get_log()
        del shared[:]
        shared.append('kept')
        return shared

    proxy = in_thread(keep)
    restart(master)
    check('a proxy of a declared object goes on after a restart', in_thread(lambda: proxy[0]) == 'kept')


def refusal(bin_dir, master, config):
    path = master.path('bad.toml')
    with open(path, 'w') as file:
        file.write(config)
    done = subprocess.run([os.path.join(bin_dir, 'reeve-master'), '--listen', '127.0.0.1:0', '--managers-listen', '127.0.0.1:0',
                           '--data-dir', master.path('data'), '--config', path], env=master.env(), timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode() if done.returncode != 0 else ''


def test_what_would_lose_data_is_refused(bin_dir, master):
    def says(config, *words):
        text = refusal(bin_dir, master, config)
        return all(word in text for word in words) or print(text)

    for config, words in [('[objects.x]\ntype = "Dict"', ('[objects.x]', "'Dict' is no type", 'Namespace')),
                          ('[objects.x]\nvalue = 1', ('needs a type',)),
                          ('[objects.x]\ntype = "dict"\nsize = 3', ("an object of type dict has no 'size'",)),
                          ('[objects.x]\ntype = "Barrier"', ('parties',)),
                          ('[objects.x]\ntype = "Array"\ntypecode = "z"', ('typecode',)),
                          ('[objects.x]\ntype = "Array"\ntypecode = "i"\nsize = 2000000', ('managers-declared-items-max',)),
                          ('[objects.x]\ntype = "Value"\nvalue = "abc"', ("not 'abc'",)),
                          ('[objects.x]\ntype = "dict"\n[queues.x]\nkind = "fifo"', ('same name',)),
                          ('[objects.tasks]\ntype = "dict"', ('there is a queue tasks', 'reeve queue rm tasks')),
                          ('[objects.scores]\ntype = "list"', ('the store holds a dict', 'type = "none"')),
                          ('[objects.scores]\ntype = "Queue"', ('the store holds a dict',)),
                          ('[objects.scores]\ntype = "Lock"', ('the store holds a dict',)),
                          ('[objects.numbers]\ntype = "Array"\ntypecode = "d"', ('typecode l',))]:
        check('refused: ' + config.replace('\n', '; '), says(config, *words))


def main():
    bin_dir = sys.argv[1]
    with Master(bin_dir) as master:
        config = master.path('master.toml')
        with open(config, 'w') as file:
            for name, (declaration, _) in OBJECTS.items():
                file.write('[objects.%s]\n%s\n' % (name, declaration))
        master.args = ('--config', config)
        master.reeve('queue', 'create', 'tasks')
        restart(master)
        for name, test in list(globals().items()):
            if name.startswith('test_') and test.__code__.co_argcount == 1:
                test(master)

        def queue_of_that_name():
            refused = subprocess.run([os.path.join(bin_dir, 'reeve'), 'queue', 'put', 'scores', '1'], env=master.env(),
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return refused.returncode != 0 and b'[objects.scores]' in refused.stdout

        check('no queue can have the name of an object', queue_of_that_name())
        in_thread(lambda: [connect(master).get_scores().update(kept=1)])
        master.kill()
        test_what_would_lose_data_is_refused(bin_dir, master)
        with open(config, 'w') as file:
            file.write('[objects.numbers]\ntype = "none"\n')
        master.start()
        check('what is no longer declared stays', in_thread(lambda: connect(master).get_scores()['kept']) == 1 and
              'the object scores, a dict, is not in the configuration any more' in master.log())
        check('what is dropped is gone', 'dropped the object numbers' in master.log())
        with open(config, 'w') as file:
            file.write('[objects.numbers]\ntype = "Array"\ntypecode = "d"\nsize = 2\n')
        restart(master)
        check('and can be something else', in_thread(lambda: list(connect(master).get_numbers()[:])) == [0.0, 0.0])
    return 0


if __name__ == '__main__':
    sys.exit(main())
