#!/usr/bin/env python3
"""Writes the first inputs of the targets whose inputs people can write: tests/fuzz/corpus/{sessions,store,pages,elements,…}.

    tests/fuzz/seeds.py [OUT_DIR]        (default: the corpus itself; those of pickles come from pickle_seeds.py)
"""
import hmac
import os
import struct
import sys

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def varint(value):
    out = b""
    while True:
        out += bytes([value & 127 | (128 if value > 127 else 0)])
        value >>= 7
        if not value:
            return out


def message(*fields):
    """(number, value) pairs: an int, or bytes."""
    out = b""
    for number, value in fields:
        if isinstance(value, bytes):
            out += varint(number << 3 | 2) + varint(len(value)) + value
        else:
            out += varint(number << 3) + varint(value)
    return out


# ---- sessions: who (0-3 clients, 4-7 workers), type, length, body (session_steps.h)

def says(peer, kind, *fields):
    body = message(*fields)
    return bytes([peer, kind]) + struct.pack("<H", len(body)) + body


def fence(job, index, attempt, epoch=1):
    return message((1, epoch), (2, job), (3, index), (4, attempt))


def finished(job, index, attempt, state):
    return message((1, fence(job, index, attempt)), (2, message((1, index), (2, state), (3, attempt), (5, b"9"))))


LEAVES = [bytes([0x80 | peer]) for peer in range(8)]
SUBMIT = says(0, 10, (1, 1), (2, 1), (7, message((2, b"f"), (8, 1))), (8, b"a"), (8, b"b"), (8, b"c"), (9, 1))
SESSIONS = {
    "submit-run-fetch": SUBMIT + says(4, 66, (1, 5)) + says(4, 63, (1, 1), (2, finished(1, 1, 1, 3)), (2, finished(1, 2, 1, 4)))
    + says(0, 38, (1, 1), (2, 1)) + says(0, 32, (1, 2), (2, 1)) + says(0, 30, (1, 3)) + says(0, 53, (1, 4)),
    "fail-retry-forget": says(0, 10, (1, 1), (2, 1), (7, message((2, b"f"))), (8, b"a"), (8, b"b"))
    + says(4, 63, (1, 1), (2, finished(1, 1, 1, 4)), (2, finished(1, 2, 1, 4)))
    + says(0, 40, (1, 2), (2, 1), (3, 2), (3, 1), (3, 2)) + says(0, 53, (1, 3)) + says(0, 39, (1, 4), (2, 1)) + says(0, 41, (1, 5), (2, 1)),
    "bounded-put-get": says(0, 19, (1, 1), (2, b"q"), (4, 2)) + says(0, 13, (1, 2), (2, 1), (4, b"q"), (6, b"x"), (6, b"y"), (6, b"z"), (8, 1))
    + says(1, 14, (1, 1), (2, b"q"), (3, 2), (4, 1)) + says(1, 16, (1, message((1, 1), (2, 1)))) + says(1, 18, (1, 2), (2, b"q"))
    + says(1, 17, (1, 3), (2, b"q"), (3, 1)) + LEAVES[1] + says(0, 22, (1, 3), (2, b"q"), (3, 2)),
    "repeat-behind-others": says(0, 19, (1, 1), (2, b"q"), (4, 1)) + says(0, 10, (1, 2), (2, 1), (7, message((1, b"q"), (2, b"f"))), (8, b"a"), (8, b"b"), (11, 1))
    + says(1, 10, (1, 1), (2, 1), (7, message((1, b"q"), (2, b"f"))), (8, b"c"), (11, 1)) + LEAVES[1]
    + says(1, 10, (1, 1), (2, 1), (7, message((1, b"q"), (2, b"f"))), (8, b"c"), (11, 1)) + says(2, 39, (1, 1), (2, 1)) + says(4, 66, (1, 1)),
    "after-and-cancel": SUBMIT + says(1, 10, (1, 1), (2, 1), (7, message((2, b"f"))), (8, b"d"), (10, 1)) + says(4, 66, (1, 1))
    + says(0, 39, (1, 9), (2, 1)) + says(4, 63, (1, 1), (2, finished(1, 1, 1, 5))) + says(1, 34, (1, 3), (2, 2), (3, 1)),
    "hello-with-held": SUBMIT + says(4, 66, (1, 1)) + LEAVES[4]
    + bytes([0x44]) + says(4, 3, (1, b"e" * 16), (2, b"e" * 16), (5, 3), (6, b"f"), (10, fence(1, 1, 1)), (10, fence(1, 2, 7)))[1:]
    + says(4, 60, (1, 9)) + says(4, 65, (1, fence(1, 1, 1))) + says(0, 52, (1, 2), (2, b"e" * 16), (3, 1)) + says(4, 68),
    "out-of-place": bytes([0x40]) + says(0, 14, (1, 1))[1:] + says(1, 63, (1, 1)) + says(4, 10, (1, 1)) + says(2, 99),
}

# ---- store: rows, as store_fuzz.cc reads them; numbers below 250 are a byte


def text(value):
    return bytes([len(value)]) + value


def job_row(number, next_index, finished_us=0, after=0, values_of=None):
    head = bytes([1, 1, 1, after]) + (b"\x03" + text(values_of) if values_of is not None else b"\x01")
    return head + bytes([number, next_index, 1, finished_us])


def chunk_row(job, first, count, queue=b"default", function=True):
    spec = bytes([1]) + text(queue) + bytes([1 if function else 3, 0, 0, 1])
    return bytes([3, job, first, count]) + spec + bytes([1, 0, 5])


def outcome_row(job, chunk, offset, state, seq=1):
    return bytes([4, job, chunk, 1, offset, state - 2, 0, 0, seq, chunk, chunk + offset])


STORE = {
    "a-job": job_row(1, 4) + chunk_row(1, 1, 3) + outcome_row(1, 1, 0, 3) + bytes([5, 1, 1, 2, 2, 1, 1, 0, 0, 0]),
    "values": bytes([0]) + text(b"q") + text(b"") + text(b"") + bytes([0, 0, 0, 1, 0]) + job_row(2, 3, values_of=b"q") + chunk_row(2, 1, 2, b"q", False),
    "finished-early": job_row(1, 4, 9) + chunk_row(1, 1, 3) + job_row(2, 2, 0, 1) + chunk_row(2, 1, 1),
    "overlapping": job_row(1, 9) + chunk_row(1, 1, 5) + chunk_row(1, 3, 5) + outcome_row(1, 3, 1, 4),
    "submission-and-worker": job_row(1, 2) + chunk_row(1, 1, 1) + bytes([6]) + text(b"k" * 16) + bytes([1, 1, 1, 1, 1]) + bytes([7]) + text(b"w" * 16) + text(b"w"),
}

# ---- pages: of a database and its log, as pages_fuzz.cc reads them

INNER, LEAF, INNER_OF_INDEX, LEAF_OF_INDEX, REST, UNUSED = 0, 1, 2, 3, 4, 6


def page(form, *cells, first=None, rest=None, pieces=()):
    """Cells are (bytes, room behind them in 16 bytes); `first` the trunk of the free list, in page 1 only."""
    out = bytes([form])
    if form <= LEAF_OF_INDEX:
        out += bytes([len(cells), 0]) + b"".join(text(cell) + bytes([room]) for cell, room in cells)
    if rest is not None:
        out += bytes([rest[0]]) + text(rest[1])
    if first is not None:
        out += bytes([first])
    return out + bytes([len(pieces)]) + b"".join(struct.pack("<H", at) + text(data) for at, data in pieces)


def frame(number, size, content):
    return bytes([number, size]) + content + b"\x01"


def store_of(pages, frames=(), log_cut=0, cut=0):
    return bytes([len(pages), len(frames)]) + b"".join(pages) + b"\xff" + b"".join(frames) + struct.pack("<HH", log_cut, cut)


FIRST = page(LEAF, (b"\x09\x01\x03\x01\x17\x05hello", 0), first=0)
# 4999 bytes, of which 907 stand here; the number of the page with the others behind them.
LONG = page(LEAF, (b"\xa7\x07\x01\x03\xce\x15", 57), pieces=[(4088, b"\x00\x00\x00\x03")])
PAGES = {
    "rows": store_of([FIRST, page(LEAF_OF_INDEX, (b"\x05\x03\x01\x02\x07\x01\x02", 0)), page(INNER, (b"\x00\x00\x00\x02\x01", 0))]),
    "long-row": store_of([FIRST, LONG, page(REST, rest=(0, b"the rest"))]),
    "circle": store_of([FIRST, LONG, page(REST, rest=(3, b"the rest"))]),
    "free": store_of([page(LEAF, first=2), page(REST, rest=(0, b"\x00\x00\x00\x01\x00\x00\x00\x03")), LONG]),
    "log": store_of([FIRST, page(UNUSED)], [frame(2, 0, LONG), frame(3, 3, page(REST, rest=(0, b"new")))]),
    "log-cut-off": store_of([FIRST], [frame(1, 1, page(LEAF)), frame(1, 200, page(UNUSED))], log_cut=100, cut=50),
    # The log speaks of four billion pages.
    "huge": store_of([FIRST], [bytes([1, 255, 0, 0, 0, 0]) + b"\xff" * 4 + page(LEAF) + b"\x01"]),
}

ELEMENTS = {
    "range": b"\x001-10:3", "range-far": b"\x00-9223372036854775808-9223372036854775807:4611686018427387904",
    "lines": b"\x01one\ntwo\r\n\nlast", "json-array": b'\x02[1, {"a": [true, null]}, "\\u00e9", []]',
    "json-values": b'\x02{"a":1}\n[2]\n"three" 4', "command": b"\x03{}\n--in={}.png\nplain\n{\n\nx{}y",
}

CONFIG = {
    "master": b'listen = "0.0.0.0:7733"\nlease_time = "30s"\nresults-max = 10\nlog-level = "debug"\n\n[queue.jobs]\nkind = "fifo"\nmaxsize = 5\nack = "task_done"\n',
    "worker": b'master = "10.0.0.1:7733"\nslots = 4\nqueues = ["a", "b"]\nallow-exec = false\n',
    "reeve": b'master = "localhost:7733"\nauthkey-file = "/k"\nconnect-timeout = "5s"\n',
    "wrong": b"slots = -1\nnothing = [1, [2]]\nwhen = 1979-05-27T07:32:00Z\n", "no-toml": b"[[[\n= 3\n\xff",
}

FRAME = lambda kind, body: struct.pack("<I", 1 + len(body)) + bytes([kind]) + body
FRAMES = {
    "submit": b"\x07" + FRAME(10, message((1, 1), (2, 1), (7, message((2, b"f"), (5, 6))), (8, b"a"))),
    "complete": b"\xff" + FRAME(63, message((1, 1), (2, finished(1, 1, 1, 3)))) + FRAME(66, message((1, 7))),
    "too-long": b"\x01" + struct.pack("<I", 1 << 30) + b"\x0a",
}
HANDSHAKE = {"zeros": bytes(80), "hello": b"reeve\x01" + bytes(34) + b"\x01" + bytes(40)}

PYTHON = lambda payload: struct.pack("!i", len(payload)) + payload
STRANGER, KNOWS_MD5, KNOWS_SHA256, LEGACY = 0, 2, 4, 1
OLD_CHALLENGE = PYTHON(b"#CHALLENGE#" + bytes(range(20)))
NEW_CHALLENGE = PYTHON(b"#CHALLENGE#{sha256}" + bytes(range(40)))
WELCOME = PYTHON(b"#WELCOME#")
MANAGERS = {
    "managers_message": {"two": PYTHON(b"abc") + PYTHON(b""), "long": struct.pack("!iQ", -1, 4) + b"abcd", "cut": b"\x00\x00\x01"},
    "managers_challenge": {
        "answer": bytes([STRANGER | LEGACY]) + PYTHON(hmac.new(b"key", bytes(20), "md5").digest()),
        "sha256": bytes([STRANGER]) + PYTHON(b"{sha256}" + hmac.new(b"key", bytes(20), "sha256").digest()),
        "old": bytes([KNOWS_MD5 | LEGACY]) + OLD_CHALLENGE + WELCOME + PYTHON(b"a request"),
        "new": bytes([KNOWS_SHA256]) + NEW_CHALLENGE + WELCOME,
        "refused": bytes([KNOWS_MD5]) + OLD_CHALLENGE + WELCOME,
        "failure": bytes([KNOWS_SHA256]) + NEW_CHALLENGE + PYTHON(b"#FAILURE#"),
    },
}


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else CORPUS
    for target, inputs in {"sessions": SESSIONS, "store": STORE, "pages": PAGES, "elements": ELEMENTS, "config": CONFIG, "frames": FRAMES,
                           "handshake": HANDSHAKE, **MANAGERS}.items():
        os.makedirs(os.path.join(out, target), exist_ok=True)
        for name, data in inputs.items():
            with open(os.path.join(out, target, name), "wb") as file:
                file.write(data)


if __name__ == "__main__":
    main()
