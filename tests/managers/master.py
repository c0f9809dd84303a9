"""What the tests in this folder share: a reeve-master of their own, and the Pythons of this machine."""
import glob
import json
import os
import shutil
import subprocess
import tempfile
import time

AUTHKEY = 'harness-key'


def pythons():
    """One interpreter of each version that is found, oldest first: [('3.11', path), ...]. REEVE_PYTHONS=PATH:PATH: those."""
    named = os.environ.get('REEVE_PYTHONS')
    if named:
        paths = named.split(':')
    else:
        paths = [shutil.which('python3')]
        paths += [shutil.which('python%s' % v) for v in ['2.7'] + ['3.%d' % minor for minor in range(6, 15)]]
        paths += sorted(glob.glob(os.path.expanduser('~/.pyenv/versions/*/bin/python')))
    found = {}
    for path in filter(None, paths):
        said = subprocess.run([path, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if said.returncode == 0:
            found.setdefault(said.stdout.decode().strip(), path)
    return sorted(found.items(), key=lambda item: [int(part) for part in item[0].split('.')])


class Master:
    """reeve-master on free ports with a data directory of its own; it can be killed and started again."""

    def __init__(self, bin_dir, *args, authkey=AUTHKEY):
        self.bin_dir, self.args, self.authkey = bin_dir, args, authkey
        self.dir = tempfile.mkdtemp(prefix='reeve-managers-')
        self.native, self.managers = '127.0.0.1:0', '127.0.0.1:0'
        self.process = None
        self.start()

    @property
    def port(self):
        return int(self.managers.rsplit(':', 1)[1])

    def env(self):
        return dict(os.environ, REEVE_AUTHKEY=self.authkey, REEVE_MASTER=self.native)

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self):
        ready = self.path('ready.json')
        if os.path.exists(ready):
            os.remove(ready)
        with open(self.path('master.log'), 'a') as log:
            self.process = subprocess.Popen(
                [os.path.join(self.bin_dir, 'reeve-master'), '--listen', self.native, '--managers-listen', self.managers,
                 '--data-dir', self.path('data'), '--ready-file', ready, *self.args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env())
        while not os.path.exists(ready):
            if self.process.poll() is not None:
                raise SystemExit('reeve-master does not start:\n' + self.log())
            time.sleep(0.02)
        with open(ready) as file:
            places = json.load(file)
        self.native, self.managers = places['native'], places['managers']

    def log(self):
        with open(self.path('master.log')) as file:
            return file.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def reeve(self, *args):
        return subprocess.run([os.path.join(self.bin_dir, 'reeve'), *args], env=self.env(), check=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.decode()

    def worker(self, *args):
        ready = self.path('worker.ready')
        process = subprocess.Popen([os.path.join(self.bin_dir, 'reeve-worker'), '--master', self.native, '--ready-file', ready,
                                    *args], env=self.env(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while not os.path.exists(ready):
            if process.poll() is not None:
                raise SystemExit('reeve-worker does not start')
            time.sleep(0.02)
        return process

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        code = self.process.wait()
        if kind is not None:
            print('---- the master said\n' + self.log())
        elif code != 0:
            raise SystemExit('reeve-master ended with %d:\n%s' % (code, self.log()))
        shutil.rmtree(self.dir, ignore_errors=True)
