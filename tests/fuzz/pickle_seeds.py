#!/usr/bin/env python3
"""Writes seed corpora for the pickle targets from the recorded vectors: OUT_DIR/{request,convert,stored,json}/…

    tests/fuzz/pickle_seeds.py OUT_DIR && build/fuzz/bin/fuzz_pickle_request -max_total_time=3600 OUT_DIR/request
"""
import glob
import hashlib
import json
import os
import sys

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "managers", "vectors")
JSON = ["null", "-0.5e10", "18446744073709551616", '{"a":[1,{"b":null}],"$bytes":"aGk="}', '{"$bytes":"aGk="}', '"\\u00e9"']


def write(folder, data):
    if len(data) < 4096:
        with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as file:
            file.write(data)


def main():
    folders = {name: os.path.join(sys.argv[1], name) for name in ("request", "convert", "stored", "json")}
    for folder in folders.values():
        os.makedirs(folder, exist_ok=True)
    for path in glob.glob(os.path.join(VECTORS, "*.json")):
        with open(path, encoding="utf-8") as file:
            vectors = json.load(file)
        for vector in vectors.get("values", []) + vectors.get("control", []):
            write(folders["request"], bytes.fromhex(vector["request"]))
        for vector in vectors.get("cases", []):
            write(folders["request"], bytes.fromhex(vector["hex"] or ""))
        for vector in vectors.get("values", []):
            proto = b"\x80\x02" if vector["naming"] == "py2" else b"\x80\x04"
            pickle = proto + bytes.fromhex(vector["fragment"]) + b"."
            write(folders["convert"], pickle)
            write(folders["stored"], pickle)
            if not vector["fixups"] and not vector["globals"]:
                write(folders["stored"], pickle + bytes([0xa0 | vector["fragment_proto"] << 1]))
    for text in JSON:
        write(folders["json"], text.encode())


if __name__ == "__main__":
    main()
