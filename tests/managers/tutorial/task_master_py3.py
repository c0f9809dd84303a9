# The tutorial's task_master.py for Python 3, typed in by hand. What moving over changes is marked.
import random, sys
from multiprocessing.managers import BaseManager

class QueueManager(BaseManager):
    pass

QueueManager.register('get_task_queue')                                 # moved: no callable
QueueManager.register('get_result_queue')                               # moved: no callable
manager = QueueManager(address=('127.0.0.1', int(sys.argv[1])), authkey=b'abc')
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
print('master exit.')                                                   # moved: no shutdown()
