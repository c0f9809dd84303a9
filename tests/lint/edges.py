#!/usr/bin/env python3
"""Keeps the edges between the parts (docs/ARCHITECTURE.md): who may include whom.

Also: public headers stand on their own, and no file grows without somebody noticing.
Exit status 1 when a rule is broken; long files are only named.
"""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

LINES_USUAL_MAX = 500  # a reason to look for a seam

# The first rule whose path begins a file's path holds: what its project includes may begin with. System headers are
# limited only where `system` is given.
RULES = [
    ("common/base/", ["common/base/"], ["fmt/"]),
    ("common/net/", ["common/base/", "common/net/", "proto/"], None),
    ("common/pickle/", ["common/base/", "common/pickle/"], ["fmt/", "boost/json/"]),
    ("common/app/", ["common/", "proto/"], None),
    ("proto/", ["common/base/", "proto/"], None),
    ("master/core/", ["common/base/", "master/core/"], ["fmt/"]),
    ("master/store/", ["common/base/", "proto/", "master/core/", "master/store/"], None),
    ("master/", ["common/", "proto/", "master/"], None),
    ("worker/agent.", ["common/base/", "worker/agent.", "worker/work."], ["fmt/"]),
    ("worker/work.", ["common/base/", "worker/work."], ["fmt/"]),
    ("worker/include/", ["reeve/"], []),
    ("worker/", ["common/", "proto/", "worker/", "reeve/"], None),
    ("client/include/", ["common/base/", "reeve/"], []),
    ("client/", ["common/", "proto/", "client/", "reeve/"], None),
]
PUBLIC = ["client/include/", "worker/include/"]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
BEAST = "boost/beast"


def sources(root):
    for part in ("common", "proto", "master", "worker", "client", "bench", "tests"):
        for folder, _, names in os.walk(os.path.join(root, part)):
            for name in names:
                if name.endswith((".h", ".cc")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def is_standard(header):
    """C++ headers have no dot and no slash; of C's, those that a C interface needs."""
    return ("." not in header and "/" not in header) or header in ("stddef.h", "stdint.h")


def broken_edges(path, text):
    rule = next((rule for rule in RULES if path.startswith(rule[0])), None)
    if rule is None:
        return
    _, ours, system = rule
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start(1)) + 1
        quoted, header = match.group(1) == '"', match.group(2)
        if quoted and not any(header.startswith(start) for start in ours):
            yield f'{path}:{line}: must not include "{header}"; here only {", ".join(ours)}'
        if not quoted and system is not None and not is_standard(header):
            if not any(header.startswith(start) for start in system):
                yield f"{path}:{line}: must not include <{header}>; here only the standard library and {system}"
        if header.startswith(BEAST) and not path.startswith("master/http/"):
            yield f"{path}:{line}: only master/http may include Beast"


def compile_alone(root, path):
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as unit:
        unit.write(f'#include "{os.path.join(root, path)}"\n')
        unit.flush()
        flags = [f"-I{root}", *(f"-I{os.path.join(root, public)}" for public in PUBLIC)]
        compiler = os.environ.get("CXX", "g++")
        result = subprocess.run([compiler, "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *flags, unit.name],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        return f"{path}: does not compile on its own:\n{result.stderr}"
    return None


def main():
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    problems, public = [], []
    for path in sorted(sources(root)):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        problems += broken_edges(path, text)
        if path.endswith(".h") and "#pragma once" not in text:
            problems.append(f"{path}: no #pragma once")
        if path.endswith(".h") and any(path.startswith(start) for start in PUBLIC):
            public.append(path)
        lines = text.count("\n")
        if lines > LINES_USUAL_MAX and not path.startswith("tests/"):
            print(f"note: {path} has {lines} lines; is there a seam?")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems += filter(None, pool.map(lambda path: compile_alone(root, path), public))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
