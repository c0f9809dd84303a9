# -*- coding: utf-8 -*-
# The tutorial's taskworker.py for Python 2, typed in by hand; nothing in it had to change but the port and the pause.
import time, sys, Queue
from multiprocessing.managers import BaseManager

class QueueManager(BaseManager):
    pass

QueueManager.register('get_task_queue')
QueueManager.register('get_result_queue')

server_addr = '127.0.0.1'
print('Connect to server %s...' % server_addr)
m = QueueManager(address=(server_addr, int(sys.argv[1])), authkey='abc')
m.connect()
task = m.get_task_queue()
result = m.get_result_queue()
for i in range(10):
    try:
        n = task.get(timeout=10)
        print('run task %d * %d...' % (n, n))
        r = '%d * %d = %d' % (n, n, n*n)
        time.sleep(0.02)
        result.put(r)
    except Queue.Empty:
        print('task queue is empty.')
print('worker exit.')
