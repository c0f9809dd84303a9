# Runs in a child of reeve-worker: imports a module once, and calls its function for each task.
#
#     python3 -c "$(cat python_child.py)" MODULE:FUNCTION [INITIALIZER_MODULE:FUNCTION]
#
# The lines that it reads and writes are those of program_line.h. A pickled argument is answered with a pickle; any
# other with JSON, or with a pickle where a result has no JSON. Bytes are {"$bytes": "…in base64"} in JSON.
import base64
import importlib
import json
import os
import pickle
import sys
import traceback

PICKLE_PROTOCOL = 4  # 3.6 and 3.7 read no higher one


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


def answer_with(result, as_pickle):
    if not as_pickle:
        try:
            return '{"value":%s}' % json.dumps(result, allow_nan=False, default=without_json)
        except (TypeError, ValueError, RecursionError):
            pass
    pickled = pickle.dumps(result, PICKLE_PROTOCOL)
    return json.dumps({"encoding": "pickle", "value_base64": base64.b64encode(pickled).decode()})


def error_with(error, frames):
    """What went wrong in a line, then where, without our own frames."""
    trace = error.__traceback__
    for _ in range(frames):
        trace = trace.tb_next if trace is not None else None
    what = "".join(traceback.format_exception_only(type(error), error)).strip()
    where = "".join(traceback.format_exception(type(error), error, trace))
    return json.dumps({"error": what + "\n" + where})


def run(function, line):
    try:
        request = json.loads(line.decode(), object_hook=revive)
        as_pickle = request["encoding"] == "pickle"
        return answer_with(function(argument_of(request)), as_pickle)
    except BaseException as error:  # also SystemExit: the function does not end the child
        return error_with(error, 1)


def main():
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What the function prints goes to the worker's log.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    failed = None
    try:
        function = find(sys.argv[1])
        for initializer in sys.argv[2:]:
            find(initializer)()
    except BaseException as error:
        failed = error_with(error, 1)
    for line in requests:
        answer = failed or run(function, line)
        sys.stdout.flush()
        answers.write(answer.encode() + b"\n")
        answers.flush()
        if failed:
            sys.exit(1)  # perhaps it is put right before the next task


main()
