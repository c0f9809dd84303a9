#!/usr/bin/env python3
"""Recorded sessions of six Pythons with CPython's own server, nearly every method once, played again to reeve-master: the same
requests byte by byte, but for idents; and the same answers, but for what README.md names as different.

    sessions_test.py BIN_DIR
"""
import builtins
import collections
import glob
import hashlib
import hmac
import io
import json
import os
import pickle
import re
import socket
import struct
import sys

from master import Master

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = 'session-key'
Outcome = collections.namedtuple('Outcome', 'kind value')

# (type, method) of the object, and why its answer is another one. None: any type, any method.
DIFFERENCES = {
    ('Pool', None): 'needs a Python interpreter in the server',
    (None, '__str__'): 'has an address in it, or the name of a class',
    (None, '__repr__'): 'has an address in it, or the name of a class',
    (None, 'number_of_objects'): 'there are no objects of a Pool',
    (None, 'debug_info'): 'has idents in it',
    ('Value', '#GETVALUE'): "CPython sends a class of its server",
}
OF_PYTHON_2 = {('dict', name): 'its order is another one' for name in ('keys', 'items', 'values', 'popitem', '#GETVALUE', 'copy')}
OF_PYTHON_2[('dict', 'next')] = 'its order is another one'


class Opaque:
    """An instance of whatever class."""

    def __new__(cls, *args, **kwds):
        made = object.__new__(cls)
        made.args = args
        return made

    def __init__(self, *args, **kwds):
        self.state = {}

    def __setstate__(self, state):
        self.state = state

    def __eq__(self, other):
        return type(self).__name__ == type(other).__name__ and (self.args, self.state) == (other.args, other.state)

    def __repr__(self):
        return '%s%r%r' % (type(self).__name__, self.args, self.state)


class Reader(pickle.Unpickler):
    """Reads replies without running anything: of classes only harmless ones are known."""

    def find_class(self, module, name):
        if module in ('exceptions', '__builtin__'):
            module = 'builtins'
        if (module, name) == ('thread', 'error'):  # as Python 3 names it
            return RuntimeError
        known = getattr(builtins, name, None) if module == 'builtins' else None
        if isinstance(known, type) and issubclass(known, BaseException):
            return known
        if (module, name) in {('builtins', 'iter'), ('builtins', 'reversed'), ('builtins', 'list'), ('builtins', 'set'), ('_codecs', 'encode'),
                              ('array', 'array'), ('array', '_array_reconstructor'), ('builtins', 'bytearray')}:
            return super().find_class(module, name)
        return type(name, (Opaque,), {})


def read(payload):
    kind, value = Reader(io.BytesIO(payload), encoding='latin1').load()
    return Outcome(kind, value)


def meaning(value):
    """What a client makes of it, for comparison: which exception, what an iterator gives."""
    if isinstance(value, BaseException):
        return type(value).__name__, value.args
    if type(value).__name__ in ('Empty', 'Full', 'BrokenBarrierError'):
        return type(value).__name__
    if hasattr(value, '__next__'):
        return list(value)
    if type(value).__name__ == 'RebuildProxy':
        function, token, _, keywords = value.args
        return function.__name__, token.state[0], keywords
    return value


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), 60)

    def send(self, payload):
        self.socket.sendall(struct.pack('!i', len(payload)) + payload)

    def take(self, count):
        data = b''
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                return None
            data += part
        return data

    def receive(self):
        header = self.take(4)
        return None if header is None else self.take(struct.unpack('!i', header)[0])

    def shake_hands(self, modern, recorded):
        """recorded: the client's challenge and the answer of CPython's server to it, if they were recorded."""
        nonce = self.receive()[len(b'#CHALLENGE#'):]
        mac = hmac.new(KEY.encode(), nonce, hashlib.sha256 if modern else hashlib.md5).digest()
        self.send((b'{sha256}' if modern else b'') + mac)
        assert self.receive() == b'#WELCOME#'
        challenge, answer = recorded or (b'#CHALLENGE#' + (b'{sha256}' + b'x' * 40 if modern else b'x' * 20), None)
        self.send(challenge)
        heard = self.receive()
        assert answer is None or heard == answer, 'another answer to a recorded challenge'
        self.send(b'#WELCOME#')


def with_idents(request, idents):
    """The request with our idents instead of the recorded ones, and its frame as long as it is now."""
    for theirs, ours in idents.items():
        for code, size in ((b'\x8c', 'B'), (b'X', '<I'), (b'U', 'B')):
            old = code + struct.pack(size, len(theirs)) + theirs.encode()
            request = request.replace(old, code + struct.pack(size, len(ours)) + ours.encode())
    if request[:1] == b'\x80' and request[2:3] == b'\x95':
        request = request[:3] + struct.pack('<Q', len(request) - 11) + request[11:]
    return request


def asked(request):
    """(ident, method, first argument) of a request."""
    class Names(pickle.Unpickler):
        def find_class(self, module, name):
            return type(name, (Opaque,), {})
    ident, method, args, _ = Names(io.BytesIO(request), encoding='latin1').load()
    return ident, method, args[0] if args else None


def handshakes(messages):
    found = collections.defaultdict(list)
    for message in messages:
        if 'auth' in message:
            found[message['c']].append((message['auth'], message['d'], bytes.fromhex(message['hex'])))
    return {c: (next(hex for what, d, hex in steps if what == 'challenge' and d == 'C>S'),
                next(hex for what, d, hex in steps if what == 'digest' and d == 'S>C')) for c, steps in found.items()}


class Replay:
    def __init__(self, master, session):
        self.port, self.version = master.port, session['python']
        self.modern = [int(part) for part in self.version.split('.')[:2]] >= [3, 12]
        self.messages, self.recorded = session['messages'], handshakes(session['messages'])
        self.connections, self.pending = {}, {}
        self.idents, self.types = {}, {}  # recorded ident -> ours, -> type
        self.compared, self.wrong = 0, []

    def run(self):
        for message in self.messages:
            c, to_server = message['c'], message['d'] == 'C>S'
            if 'auth' in message:
                continue
            if 'eof' in message:
                self.end(c, to_server)
            elif to_server:
                self.request(c, bytes.fromhex(message['hex']))
            else:
                self.reply(c, message)

    def request(self, c, request):
        if c not in self.connections:
            self.connections[c] = Connection(self.port)
            self.connections[c].shake_hands(self.modern, self.recorded.get(c))
        self.pending[c] = asked(request)
        self.connections[c].send(with_idents(request, self.idents))

    def reply(self, c, message):
        ident, method, argument = self.pending[c]
        ours = read(self.connections[c].receive())
        what = argument if method in ('create', 'incref', 'decref') and ident is None else method
        kind_of_object = self.types.get(ident if ident is not None else argument, argument if method == 'create' else None)
        if message['hex'] is None:
            theirs = Outcome(re.search('#[A-Z]+', message['ops']).group(), None)  # its text was not recorded
        else:
            theirs = read(bytes.fromhex(message['hex']))
        if self.learn(ident, method, argument, theirs, ours):
            return
        differences = list(DIFFERENCES) + (list(OF_PYTHON_2) if self.version[0] == '2' else [])
        if any(kind in (None, kind_of_object) and name in (None, method) for kind, name in differences):
            return
        self.compared += 1
        same = theirs.kind == ours.kind and (theirs.kind in ('#TRACEBACK', '#UNSERIALIZABLE') or
                                             meaning(theirs.value) == meaning(ours.value))
        if not same:
            self.wrong.append('%s.%s: %r instead of %r' % (kind_of_object or '', what if ident is None else method, ours, theirs))

    def learn(self, ident, method, argument, theirs, ours):
        """Takes over the ident of a new object. True: there is nothing else to compare."""
        if theirs.kind == '#PROXY':
            their_exposed, token = theirs.value
            their_ident, name = token.state[2], token.state[0]
        elif method == 'create' and theirs.kind == '#RETURN':
            (their_ident, their_exposed), name = theirs.value, argument
        else:
            return False
        self.types[their_ident] = name if theirs.kind == '#RETURN' else self.types[ident]  # what it gave is of its kind
        if self.types[their_ident] == 'Pool' or ours.kind not in ('#RETURN', '#PROXY'):
            self.types[their_ident] = 'Pool'
            return True
        if theirs.kind == '#PROXY':
            our_exposed, our_ident = ours.value[0], ours.value[1].state[2]
        else:
            our_ident, our_exposed = ours.value
        self.idents[their_ident] = our_ident
        missing = set(their_exposed) - set(our_exposed) - ({'shutdown'} if name == 'get_task_queue' else set())
        self.compared += 1
        if missing:
            self.wrong.append('%s: %s are not exposed' % (name, missing))
        return True

    def end(self, c, by_client):
        connection = self.connections.get(c)
        if connection is None:
            return
        if not by_client and connection.receive() is not None:
            self.wrong.append('connection %d is still open' % c)
        connection.socket.close()
        del self.connections[c]


def main():
    good = True
    for name in sorted(glob.glob(os.path.join(HERE, 'vectors', 'session-py*.json'))):
        with open(name) as file:
            session = json.load(file)
        with Master(sys.argv[1], authkey=KEY) as master:
            replay = Replay(master, session)
            replay.run()
        print('%-8s %d answers compared, %d differ' % (replay.version, replay.compared, len(replay.wrong)))
        for line in replay.wrong:
            print('    ' + line)
        good = good and not replay.wrong and replay.compared > 100
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
