# Runs in a child of reeve-worker: imports a module once, and calls its function for each task.
#
#     python3 -c "$(cat python_child.py)" MODULE:FUNCTION [INITIALIZER_MODULE:FUNCTION]
#
# The worker has it within a text of Python (python_program.cc.in), so it is ASCII and has no quote three times.
#
# The lines that it reads and writes are those of program_line.h. A pickled argument is answered with a pickle; any
# other with JSON, or with a pickle where JSON would not keep a result: half a surrogate pair, keys that are no text,
# the dict {"$bytes": "text"}, nesting beyond what the worker reads. Bytes are {"$bytes": "...in base64"} in JSON, and a tuple is a list.
import base64
import importlib
import json
import os
import pickle
import select
import sys
import traceback

AS_AN_ERROR = "<3>"  # of program_errors.h
PICKLE_PROTOCOL = 4  # 3.6 and 3.7 read no higher one
ERROR_CHARS_MAX = 32_768  # of what went wrong, and as many of where
SHOWN_CHARS_MAX = 40  # of a text that is refused
VALUE_DEPTH_MAX = 200  # of common/pickle/limits.h, by which program_line.cc reads what we answer


class NotReady(Exception):
    """There is no function: what was being done, and why that failed."""

    def __init__(self, doing, error):
        super().__init__(doing, error)
        self.sentence = "%s: %s" % (doing, reason(error))
        self.text = self.sentence + "\n" + where(error, with_reason=False)


def attempt(doing, step, *arguments):
    try:
        return step(*arguments)
    except BaseException as error:
        raise NotReady(doing, error)


def directory():
    try:
        return os.getcwd()
    except OSError:
        return "that is gone"


def member(found, path):
    for part in path.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError("it is no function, but of type " + type(found).__name__)
    return found


def find(name):
    name, _, path = name.partition(":")
    importing = "cannot import module %s (cwd %s)" % (name, directory())
    module = attempt(importing, importlib.import_module, name)
    file = getattr(module, "__file__", None) or "without a file"
    return attempt("cannot find %s in module %s (%s)" % (path, name, file), member, module, path)


class Refused(Exception):
    """Its text says all that there is to say."""


def revive(members):
    """As strict as common/base/base64.h: nothing is left out silently."""
    if len(members) != 1 or not isinstance(members.get("$bytes"), str):
        return members
    text = members["$bytes"]
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError:
        value = None
    if value is None or base64.b64encode(value).decode() != text:
        shown = text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "..."
        raise Refused('the argument has a "$bytes" that is not in base64: %r' % shown)
    return value


def argument_of(request):
    if "payload_base64" in request:
        payload = base64.b64decode(request["payload_base64"])
        return pickle.loads(payload) if request["encoding"] == "pickle" else payload
    payload = request["payload"]
    return payload.encode() if request["encoding"] == "raw" else payload


def without_json(value):
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError


def json_keeps(value, depth=1):
    """json.dumps makes text of any key, and one key of two."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return False
        if len(value) == 1 and isinstance(value.get("$bytes"), str):  # it would come back as bytes
            return False
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return True
    nested = (item for item in value if isinstance(item, (dict, list, tuple)))
    return depth <= VALUE_DEPTH_MAX and all(json_keeps(item, depth + 1) for item in nested)


def json_of(result):
    """None: there is no JSON that keeps it."""
    try:
        if not json_keeps(result):
            return None
        text = json.dumps(result, allow_nan=False, default=without_json)
        if "\\ud" in text:  # half a surrogate pair has no UTF-8
            json.dumps(result, ensure_ascii=False, default=without_json).encode()
        return text
    except (TypeError, ValueError, RecursionError):
        return None


def answer_with(result, as_pickle):
    text = None if as_pickle else json_of(result)
    if text is not None:
        return '{"value":%s}' % text
    pickled = pickle.dumps(result, PICKLE_PROTOCOL)
    return json.dumps({"encoding": "pickle", "value_base64": base64.b64encode(pickled).decode()})


def shortened(text):
    """An exception may hold all of its input, and a text that is too long for an answer would be none."""
    if len(text) <= ERROR_CHARS_MAX:
        return text
    half = ERROR_CHARS_MAX // 2
    return "%s\n... %d characters are left out ...\n%s" % (text[:half], len(text) - 2 * half, text[-half:])


def reason(error):
    """A syntax error is its lines as well, which stand in where()."""
    if isinstance(error, SyntaxError):
        return "%s: %s" % (type(error).__name__, error)
    return shortened("".join(traceback.format_exception_only(type(error), error)).strip())


def is_machinery(frame):
    """Ours, or Python's own that imports."""
    return frame.f_globals is globals() or str(frame.f_globals.get("__name__")).startswith("importlib")


def where(error, with_reason):
    """The traceback, without our own frames."""
    trace = error.__traceback__
    while trace is not None and is_machinery(trace.tb_frame):
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace))
    last = traceback.format_exception_only(type(error), error)[-1]
    if not with_reason and text.endswith(last):
        text = text[: -len(last)]
    return shortened(text)


def in_utf8(text):
    """Names of files may hold half a surrogate pair, which has no UTF-8."""
    return text.encode("utf-8", "backslashreplace")


def error_with(error):
    """What went wrong in a line, then where."""
    if isinstance(error, NotReady):
        text = error.text
    elif isinstance(error, Refused):
        text = str(error)
    else:
        text = reason(error) + "\n" + where(error, with_reason=True)
    return json.dumps({"error": in_utf8(text.rstrip("\n")).decode()})


def flush_output():
    """It is the function's: it may have closed it, or put anything in its place."""
    try:
        sys.stdout.flush()
    except Exception:
        pass


def run(function, line):
    """The answer, or why there is none."""
    try:
        request = json.loads(line.decode(), object_hook=revive)
        as_pickle = request["encoding"] == "pickle"
        return answer_with(function(argument_of(request)), as_pickle), None
    except BaseException as error:  # also SystemExit: the function does not end the child
        return None, error_with(error)


def log_error(sentence):
    """In the worker's log, if the module has left standard error in its place."""
    try:
        os.write(2, in_utf8(AS_AN_ERROR + sentence.replace("\n", " ") + "\n"))
    except OSError:
        pass


class Channel:
    """To the worker, in place of standard input and output, which become the function's."""

    def __init__(self):
        self.pid = os.getpid()
        self.directory, self.environment = os.open(".", os.O_RDONLY), dict(os.environ)
        self.requests, self.answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # what the function prints goes to the worker's log
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def has_request(self, patience_ms=None):
        """False after all that time, or when there will be none. Pre: nothing that was read is left over."""
        poll = select.poll()
        poll.register(self.requests, select.POLLIN)
        return any(events & select.POLLIN for _, events in poll.poll(patience_ms))

    def end_what_was_forked(self, error=None):
        """What the function forked and let return, or raise: it has no requests and no answers."""
        if os.getpid() == self.pid:
            return
        if error:
            os.write(2, json.loads(error)["error"].encode())
        flush_output()
        os._exit(1 if error else 0)

    def answer(self, answer):
        self.answers.write(answer.encode() + b"\n")
        self.answers.flush()
        flush_output()

    def begin_anew(self):
        """As a new interpreter, which has imported nothing, and reads what has not been read."""
        flush_output()
        with open("/proc/self/cmdline", "rb") as line:
            command = line.read().split(b"\0")[:-1]
        os.dup2(self.requests.fileno(), 0)
        os.dup2(self.answers.fileno(), 1)
        os.fchdir(self.directory)
        os.execve(sys.executable, [sys.executable] + command[1:], self.environment)


def prepare():
    """The function, or why there is none."""
    try:
        function = find(sys.argv[1])
        for initializer in sys.argv[2:]:
            attempt("the initializer %s failed" % initializer, find(initializer))
        return function, None
    except NotReady as failure:
        return None, failure


def main():
    channel = Channel()
    awaited = channel.has_request(0)
    function, not_ready = prepare()
    failure = not_ready and error_with(not_ready)
    channel.end_what_was_forked(failure)
    if not_ready:
        log_error(not_ready.sentence)
    if failure and awaited:
        channel.requests.readline()
        channel.answer(failure)
    # By the time of a request that comes later it may have been put right.
    if failure and channel.has_request():
        channel.begin_anew()
    for line in channel.requests:
        answer, error = run(function, line)
        channel.end_what_was_forked(error)
        channel.answer(answer or error)


main()
