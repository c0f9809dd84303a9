# Runs in a child of reeve-worker: imports a module once, and calls its function for each task.
#
#     python3 -c "$(cat python_child.py)" MODULE:FUNCTION [INITIALIZER_MODULE:FUNCTION]
#
# The lines that it reads and writes are those of program_line.h. A pickled argument is answered with a pickle; any
# other with JSON, or with a pickle where JSON would not keep a result: half a surrogate pair, keys that are no text,
# nesting beyond what the worker reads. Bytes are {"$bytes": "…in base64"} in JSON, and a tuple is a list.
import base64
import importlib
import json
import os
import pickle
import sys
import traceback

PICKLE_PROTOCOL = 4  # 3.6 and 3.7 read no higher one
VALUE_DEPTH_MAX = 200  # of common/pickle/limits.h, by which program_line.cc reads what we answer


def find(name):
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def revive(members):
    if len(members) == 1 and isinstance(members.get("$bytes"), str):
        return base64.b64decode(members["$bytes"])
    return members


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


def error_with(error, frames):
    """What went wrong in a line, then where, without our own frames."""
    trace = error.__traceback__
    for _ in range(frames):
        trace = trace.tb_next if trace is not None else None
    what = "".join(traceback.format_exception_only(type(error), error)).strip()
    where = "".join(traceback.format_exception(type(error), error, trace))
    # Names of files may hold half a surrogate pair, which has no UTF-8.
    text = (what + "\n" + where).encode("utf-8", "backslashreplace").decode()
    return json.dumps({"error": text})


def flush_output():
    """It is the function's: it may have closed it, or put anything in its place."""
    try:
        sys.stdout.flush()
    except Exception:
        pass


def run(function, line):
    """The answer, and whether it is no error."""
    try:
        request = json.loads(line.decode(), object_hook=revive)
        as_pickle = request["encoding"] == "pickle"
        return answer_with(function(argument_of(request)), as_pickle), True
    except BaseException as error:  # also SystemExit: the function does not end the child
        return error_with(error, 1), False


def main():
    pid = os.getpid()
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What the function prints goes to the worker's log.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def stay_alone(succeeded):
        """Ends what a function forked and let return: the answer is not its own to give."""
        if os.getpid() != pid:
            flush_output()
            os._exit(0 if succeeded else 1)

    def send(answer):
        answers.write(answer.encode() + b"\n")
        answers.flush()
        flush_output()

    failed = None
    try:
        function = find(sys.argv[1])
        for initializer in sys.argv[2:]:
            find(initializer)()
    except BaseException as error:
        failed = error_with(error, 1)
    stay_alone(not failed)
    for line in requests:
        answer, succeeded = (failed, False) if failed else run(function, line)
        stay_alone(succeeded)
        send(answer)
        if failed:
            sys.exit(1)  # perhaps it is put right before the next task


main()
