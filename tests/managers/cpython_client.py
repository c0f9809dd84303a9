"""Runs the managers' part of CPython's own test suite, as the interpreter that runs this file has it, against a server
that is there already.

    PYTHON cpython_client.py ADDRESS PORT AUTHKEY [UNITTEST ARGUMENT...]

The suite's programs start a server of their own. What a person changes who moves such a program over is done here for
all of them at once: start() becomes connect(), and all processes share the server's key. Prints one line a test:
passed, skipped or failed, its name, and for a failure its last line.
"""
import faulthandler
import multiprocessing
import sys
import unittest
import warnings
from multiprocessing.managers import BaseManager

ADDRESS, KEY = (sys.argv[1], int(sys.argv[2])), sys.argv[3].encode()


connect = BaseManager.connect


def connect_to_the_server(self):
    self._authkey = multiprocessing.current_process().authkey
    connect(self)


def connect_instead(self, initializer=None, initargs=()):
    self._address = ADDRESS
    self.connect()
    self.shutdown = lambda: None


multiprocessing.current_process().authkey = KEY
BaseManager.connect = connect_to_the_server
BaseManager.start = connect_instead
BaseManager.join = lambda self, timeout=None: None

from test import _test_multiprocessing as suite  # noqa: E402: it takes what was replaced above

suite.SERIALIZER = 'pickle'  # reeve does not speak XML-RPC, which two tests choose
suite.install_tests_in_module_dict(globals(), 'fork')
for name in [name for name, value in globals().items() if isinstance(value, type) and issubclass(value, unittest.TestCase)]:
    if not name.startswith('WithManager') and name != 'TestSyncManagerTypes':
        del globals()[name]


class Lines(unittest.TestResult):
    def line(self, word, test, trace=''):
        name = '.'.join(test.id().split('.')[-2:])
        said = [line for line in trace.split('\n') if line.strip(' -')] or ['']
        print(('%-7s %s  %s' % (word, name, said[-1])).strip(), flush=True)

    def addSuccess(self, test):
        self.line('passed', test)

    def addSkip(self, test, reason):
        self.line('skipped', test, reason)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.line('failed', test, self.failures[-1][1])

    def addError(self, test, error):
        super().addError(test, error)
        self.line('failed', test, self.errors[-1][1])

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addError(subtest, error)


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    faulthandler.dump_traceback_later(240, exit=True)  # a test that hangs would not say where
    runner = unittest.TextTestRunner(stream=open('/dev/null', 'w'))
    runner._makeResult = Lines
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], testRunner=runner, exit=False)
