# -*- coding: utf-8 -*-
# The tutorial's taskmanager.py for Python 2, typed in by hand. What moving over changes is marked.
import random, sys, time, Queue
from multiprocessing.managers import BaseManager

class QueueManager(BaseManager):
    pass

QueueManager.register('get_task_queue')                                 # moved: no callable
QueueManager.register('get_result_queue')                               # moved: no callable
manager = QueueManager(address=('127.0.0.1', int(sys.argv[1])), authkey='abc')
manager.connect()                                                       # moved: was start()
task = manager.get_task_queue()
result = manager.get_result_queue()
for i in range(10):
    n = random.randint(0, 10000)
    print('Put task %d...' % n)
    task.put(n)
print('Try get results...')
for i in range(10):
    r = result.get(timeout=30)
    print('Result: %s' % r)
