# SPDX-License-Identifier: MIT
"""The published schema of a result has exactly the fields that results have."""

import copy
import json
import os
import signal
import threading

import pytest

from echoload_support import (
    HANG_TIMEOUT,
    SCHEMA,
    VALIDATOR,
    closes_first,
    echo_back,
    echoload,
    flips_a_bit,
    received,
    refusing_port,
    result_of,
    serve,
    start_echoload,
)

MODES = ("slow-read", "dribble", "idle", "half-header", "oversize", "garbage", "rst", "never-read")


def echo_twice(connection, _number=0):
    for data in received(connection):
        connection.sendall(data + data)


def run(*arguments, handler=echo_back):
    with serve(handler) as target:
        return echoload("-c", 2, "--format", "json", *arguments, target).json


def interrupted():
    begun = threading.Event()

    def handler(connection, _number=0):
        for data in received(connection):
            begun.set()
            connection.sendall(data)

    with serve(handler) as target:
        running = start_echoload("-q", "-c", 1, "-d", "1h", "--format", "json", target)
        assert begun.wait(HANG_TIMEOUT)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=HANG_TIMEOUT)
    return result_of(out)


def merged(directory, one):
    """`one` and a result of another client that ran at the same time."""
    files = [directory / "a.json", directory / "b.json"]
    for seed, file in enumerate(files):
        file.write_text(json.dumps(one | {"seed": seed}))
    return echoload("merge", *files).json


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A result of each kind of run."""
    directory = tmp_path_factory.mktemp("schema")
    found = {
        "closed": run("-n", 20, "--slo", "p50=1h,p99.9=1h", "--server-pid", os.getpid()),
        "second": run("-d", "1100ms", "--percentiles", "25,99.999"),
        "options": run(
            *("-n", 20, "--conn-messages", 3, "--source", "127.0.0.1", "--close", "half"),
            *("--drain", "1s", "--connect-rate", 1000, "--on-mismatch", "count"),
        ),
        "open": run("-R", "100:500", "-d", "100ms", "--max-error-rate", "1%"),
        "stages": run("-R", "100@100ms,0:500@100ms", "--percentiles", "25"),
        "aborted": run("-d", "1h", "--abort-on", "rate>0"),
        "abuse": run(
            *("-d", "200ms", "--abuse", ",".join(f"{mode}:1" for mode in MODES)),
            *("--expect", ",".join(f"{mode}=keep" for mode in MODES)),
        ),
        "wrong": run("-n", 20, handler=flips_a_bit(100)),
        "duplicate": run("-n", 20, "--on-mismatch", "count", handler=echo_twice),
        "never": run("-n", 20, "--hdr", directory / "none" / "file"),
        "outage": run(
            *("-d", "100ms", "--reconnect", "--slo", "outages<=1"), handler=closes_first()
        ),
        "part": run("-n", 20, "--part", "2/2", "--seed", 7, "--start-at", "+1s"),
        "interrupted": interrupted(),
    }
    with refusing_port() as target:
        found["refused"] = echoload("-c", 1, "--format", "json", target).json
    found["merged"] = merged(directory, found["closed"])
    found["merged open"] = merged(directory, found["open"])
    found["merged stages"] = merged(directory, found["stages"])
    part = directory / "part.json"
    part.write_text(json.dumps(found["part"]))
    found["merged parts"] = echoload("merge", part).json
    found["merged never"] = merged(directory, found["never"])
    return found


def resolved(schema, place):
    """The schema of what is there, and its place: behind a reference, and without null."""
    for each in schema.get("anyOf", [schema]):
        if "$ref" in each:
            name = each["$ref"].removeprefix("#/$defs/")
            return SCHEMA["$defs"][name], name
    return schema, place


def fields_of_schema(schema, place):
    for key, each in schema.get("properties", {}).items():
        yield f"{place}.{key}"
        yield from fields_of_schema(each, f"{place}.{key}")
    if "items" in schema:
        yield from fields_of_schema(schema["items"], place)


def fields_of_result(value, schema, place):
    schema, place = resolved(schema, place)
    if isinstance(value, list):
        for each in value if "items" in schema else []:
            yield from fields_of_result(each, schema["items"], place)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in schema["properties"]:  # the schema knows others by a pattern
                yield f"{place}.{key}"
                yield from fields_of_result(each, schema["properties"][key], f"{place}.{key}")


def test_the_schema_is_valid():
    VALIDATOR.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"].startswith("urn:")


def test_results_have_every_field_of_the_schema_and_no_other(results):
    known = set(fields_of_schema(SCHEMA, "result"))
    for name, definition in SCHEMA["$defs"].items():
        if name != "run":
            known |= set(fields_of_schema(definition, name))
    found = set()
    for result in results.values():
        found |= set(fields_of_result(result, SCHEMA, "result"))
    assert found == known


def objects_of_schema(schema):
    if isinstance(schema, dict):
        if "properties" in schema and "type" in schema:
            yield schema
        for each in schema.values():
            yield from objects_of_schema(each)


def test_every_object_of_the_schema_is_closed_and_every_field_is_described():
    for each in objects_of_schema(SCHEMA):
        fields = set(each["properties"])
        assert each["additionalProperties"] is False
        assert set(each.get("required", fields)) <= fields
        if not fields & set(MODES):
            assert fields - set(each["required"]) <= {"merged", "parts"}
            assert all(field.get("description") for field in each["properties"].values())
    for each in objects_of_schema(SCHEMA):
        for name, field in each["properties"].items():
            unit = {"_s": "second", "_ns": "in nanoseconds", "_bytes": "in bytes", "_share": "1 is"}
            for end, words in unit.items():
                if name.endswith(end) and name != "sum_ns":
                    assert words in field["description"], name


BREAKS = {
    "a field that is unknown": ("closed", lambda result: result.update(more=1)),
    "a field that is missing": ("closed", lambda result: result.pop("clock")),
    "an unknown counter": ("closed", lambda result: result["messages"].update(more=1)),
    "a negative counter": ("closed", lambda result: result["messages"].update(sent=-1)),
    "no counters": ("closed", lambda result: result.update(messages=None)),
    "counters of no run": ("never", lambda result: result.update(errors=[])),
    "an option without a value": ("closed", lambda result: result["asked"].update(split=None)),
    "an open loop without a pace": ("open", lambda result: result.update(open_loop=None)),
    "a stage without a response": ("stages", lambda result: result["stages"][0].pop("response")),
    "a closed loop with a pace": ("closed", lambda result: result.update(lag=result["latency"])),
    "figures of nothing": ("closed", lambda result: result["latency"].update(count=0)),
    "an unknown verdict": ("closed", lambda result: result["verdict"].update(outcome="good")),
    "outages without --reconnect": ("closed", lambda result: result.update(outages=[])),
    "no outages with --reconnect": ("outage", lambda result: result.update(outages=None)),
    "another schema": ("closed", lambda result: result.update(schema=2)),
    "another form of a time": ("closed", lambda result: result.update(started="today")),
}


@pytest.mark.parametrize("what", BREAKS)
def test_the_schema_refuses(results, what):
    kind, change = BREAKS[what]
    result = copy.deepcopy(results[kind])
    assert VALIDATOR.is_valid(result)
    change(result)
    assert not VALIDATOR.is_valid(result)
