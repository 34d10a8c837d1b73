# SPDX-License-Identifier: MIT
"""echod-exporter.service: the metrics of all instances, from within its sandbox."""

import re

import pytest

URL = "http://127.0.0.1:9807/metrics"


@pytest.fixture
def exporter(machine):
    machine.run("systemctl start echod-exporter.service")
    yield machine
    machine.run("systemctl stop echod-exporter.service")


def metrics(machine):
    return machine.run(["curl", "--silent", "--show-error", "--fail", URL]).stdout


def up(machine):
    return dict(re.findall(r'^echod_up{instance_name="(.*)"} (\d)$', metrics(machine), re.M))


def test_it_is_installed_but_neither_enabled_nor_started(machine):
    assert machine.run("systemctl is-enabled echod-exporter", check=False).stdout == "disabled\n"
    assert machine.show("echod-exporter.service", "ActiveState") == "inactive"


def test_it_serves_the_metrics_of_the_daemon(exporter):
    client = exporter.connect()
    text = metrics(exporter)
    assert up(exporter) == {"echod": "1"}
    assert 'echod_connections{instance_name="echod"} 1\n' in text
    assert 'process_resident_memory_bytes{instance_name="echod"} ' in text
    client.close()


def test_each_instance_has_its_label_and_a_stopped_one_is_down(exporter):
    exporter.run("systemctl stop echod.service")
    exporter.run("systemctl start echod@0.service echod@1.service")
    try:
        assert up(exporter) == {"echod@0": "1", "echod@1": "1"}
        exporter.run("systemctl stop echod@1.service")
        assert up(exporter) == {"echod@0": "1", "echod@1": "0"}
    finally:
        exporter.run("systemctl stop echod@0.service echod@1.service")
        exporter.run("systemctl start echod.service")


def test_its_process_has_a_dynamic_user_without_capabilities(exporter):
    pid = exporter.show("echod-exporter.service", "MainPID")
    status = exporter.read(f"/proc/{pid}/status")
    field = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert 0 not in map(int, field["Uid"].split() + field["Gid"].split())
    assert int(field["CapBnd"], 16) == 0
    assert field["NoNewPrivs"] == "1"
    assert field["Seccomp"] == "2"


def test_its_exposure_is_low(exporter):
    report = exporter.run("systemd-analyze security --no-pager echod-exporter.service").stdout
    assert float(re.search(r"exposure level .*: ([\d.]+)", report)[1]) < 1.5, report


def test_it_stops_at_once(exporter):
    exporter.run("systemctl stop echod-exporter.service")
    assert exporter.show("echod-exporter.service", "Result") == "success"
