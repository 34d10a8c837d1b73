# SPDX-License-Identifier: MIT
"""echoload-probe@.service: from its example to its journal entries, from within its sandbox."""

import re

import pytest

from conftest import ROOT, exposure

UNIT = "echoload-probe@local.service"
CONF = "/etc/echod/probes/local.conf"
EXAMPLE = "/usr/share/doc/echod/examples/probes/local.conf"
URL = "http://127.0.0.1:9808/metrics"
IDENTIFIER = re.search(
    r'"([0-9a-f]{32})"', (ROOT / "client/probe/journal_entry.hpp").read_text()
)[1]


@pytest.fixture
def probe(machine):
    """The machine with the example as the configuration, and a short interval."""
    machine.run(["install", "-D", "-m", "0644", EXAMPLE, CONF])
    text = machine.read(CONF).replace("\nINTERVAL=10s", "\nINTERVAL=200ms")
    machine.write(CONF, text)
    machine.run(f"systemctl start {UNIT}")
    yield machine
    machine.run(f"systemctl stop {UNIT}")
    machine.run(f"systemctl reset-failed {UNIT}", check=False)


def figures(machine, after):
    entry = machine.wait_for_entry(
        f"MESSAGE_ID={IDENTIFIER}", after=after,
        where=lambda each: int(each["ECHOLOAD_VERIFIED"]) > 0,
    )  # fmt: skip
    return {name: value for name, value in entry.items() if not name.startswith("_")}


def test_the_package_has_the_unit_and_the_folder_of_its_files(machine):
    assert machine.run(f"systemctl is-enabled {UNIT}", check=False).stdout == "disabled\n"
    assert machine.run("ls -d /etc/echod/probes").stdout == "/etc/echod/probes\n"


def test_an_interval_is_an_entry_with_fields(probe):
    entry = figures(probe, probe.before)
    assert entry["SYSLOG_IDENTIFIER"] == "echoload"
    assert entry["PRIORITY"] == "6"
    assert entry["ECHOLOAD_TARGET"] == "127.0.0.1:8007"
    assert (entry["ECHOLOAD_TARGETS_UP"], entry["ECHOLOAD_CONNECTIONS"]) == ("1", "1")
    assert entry["ECHOLOAD_OUTAGES"] == entry["ECHOLOAD_ERRORS"] == "0"
    assert int(entry["ECHOLOAD_LATENCY_P99_NSEC"]) > 0
    assert re.match(r"[\d.]+s  1 up  \d+ messages/s  ", entry["MESSAGE"])
    shown = probe.run(["journalctl", "-x", "-n", "1", f"MESSAGE_ID={IDENTIFIER}"]).stdout
    assert "What a probe of echoload measured in an interval" in shown


def test_the_catalog_and_the_manual_page_have_every_field(probe):
    entry = figures(probe, probe.before)
    fields = {name.removeprefix("ECHOLOAD_").removeprefix("INTERVAL_")
              for name in entry if name.startswith("ECHOLOAD_")}  # fmt: skip
    catalog = (ROOT / "systemd/echod.catalog").read_text().split(IDENTIFIER)[1].split("\n-- ")[0]
    assert fields - set(re.findall(r"[A-Z_0-9]+", catalog)) - {"TARGET"} == set()
    assert "ECHOLOAD_TARGET." in catalog
    page = (ROOT / "man/echoload.1").read_text()
    assert {name for name in fields if f"ECHOLOAD_{name}" not in page} == set()
    assert IDENTIFIER in page


def test_it_serves_metrics_and_sees_a_stop_of_the_service(probe):
    figures(probe, probe.before)
    text = probe.run(["curl", "--silent", "--show-error", "--fail", URL]).stdout
    assert 'echoload_up{target="127.0.0.1:8007"} 1\n' in text
    cursor = probe.cursor()
    probe.run("systemctl stop echod.service")
    down = probe.wait_for_entry(
        f"MESSAGE_ID={IDENTIFIER}", after=cursor,
        where=lambda each: each["ECHOLOAD_TARGETS_UP"] == "0",
    )  # fmt: skip
    assert down["PRIORITY"] == "4"
    probe.run("systemctl start echod.service")
    up = probe.wait_for_entry(
        f"MESSAGE_ID={IDENTIFIER}", after=cursor,
        where=lambda each: each["ECHOLOAD_OUTAGES"] == "1" and each["ECHOLOAD_TARGETS_UP"] == "1",
    )  # fmt: skip
    assert int(up["ECHOLOAD_OUTAGE_NSEC"]) > 0


def test_a_stop_is_a_success_and_leaves_the_report(probe):
    figures(probe, probe.before)
    probe.run(f"systemctl stop {UNIT}")
    assert probe.show(UNIT, "Result") == "success"
    assert probe.show(UNIT, "ActiveState") == "inactive"


def test_a_stop_after_losses_is_a_success_too(probe):
    figures(probe, probe.before)
    probe.run("systemctl kill -s KILL echod.service")
    probe.wait_for_entry(
        f"MESSAGE_ID={IDENTIFIER}", after=probe.before,
        where=lambda each: int(each["ECHOLOAD_ERRORS"]) > 0,
    )  # fmt: skip
    probe.run(f"systemctl stop {UNIT}")
    assert probe.show(UNIT, "Result") == "success"
    assert probe.show(UNIT, "ActiveState") == "inactive"


def test_wrong_options_fail_at_once(probe):
    probe.run(f"systemctl stop {UNIT}")
    probe.write(CONF, "TARGETS=127.0.0.1:8007\nOPTIONS=--rate x\n")
    probe.run(f"systemctl start {UNIT}", check=False)
    probe.wait_for_entry(
        f"UNIT={UNIT}", after=probe.before, where=lambda each: "exit-code" in each["MESSAGE"]
    )
    assert probe.show(UNIT, "ActiveState") == "failed"


def test_its_threads_run_on_the_processors_of_cpus(probe):
    probe.run(f"systemctl stop {UNIT}")
    probe.write(CONF, 'TARGETS=127.0.0.1:8007\nINTERVAL=200ms\nOPTIONS="-c 1 -R 10 --cpus 1"\n')
    cursor = probe.cursor()
    probe.run(f"systemctl start {UNIT}")
    figures(probe, cursor)
    tasks = f"/proc/{probe.show(UNIT, 'MainPID')}/task"
    allowed = probe.run(["sh", "-c", f"grep -h Cpus_allowed_list {tasks}/*/status"]).stdout
    assert "Cpus_allowed_list:\t1\n" in allowed


def test_a_reload_without_a_series_changes_nothing(probe):
    figures(probe, probe.before)
    pid = probe.show(UNIT, "MainPID")
    probe.run(f"systemctl reload {UNIT}")
    cursor = probe.cursor()
    for _ in range(8):  # longer than a run takes to end
        cursor = probe.wait_for_entry(f"MESSAGE_ID={IDENTIFIER}", after=cursor)["__CURSOR"]
    assert (probe.show(UNIT, "MainPID"), probe.show(UNIT, "NRestarts")) == (pid, "0")


def test_its_series_is_rotated_by_logrotate(probe):
    probe.run(f"systemctl stop {UNIT}")
    lines = [line.removeprefix("#") for line in probe.read(CONF).splitlines()
             if line.startswith(("TARGETS", "INTERVAL", "#OPTIONS"))]  # fmt: skip
    probe.write(CONF, "\n".join(lines) + "\n")
    cursor = probe.cursor()
    probe.run(f"systemctl start {UNIT}")
    figures(probe, cursor)
    series = "/var/lib/echoload-probe/local/series.jsonl"
    prom = probe.run("cat /run/echoload-probe/local/echoload.prom").stdout
    assert 'echoload_up{target="127.0.0.1:8007"} 1\n' in prom
    probe.run(["logrotate", "--force", "/usr/share/doc/echod/examples/logrotate/echoload-probe"])
    cursor = probe.cursor()
    for _ in range(2):
        cursor = probe.wait_for_entry(f"MESSAGE_ID={IDENTIFIER}", after=cursor)["__CURSOR"]
    assert probe.run(f"head -n 1 {series}.1").stdout.startswith('{"schema":')
    assert probe.run(f"head -n 1 {series}").stdout.startswith('{"schema":')


def test_its_process_has_a_dynamic_user_without_capabilities(probe):
    pid = probe.show(UNIT, "MainPID")
    field = dict(line.split(":\t", 1) for line in probe.read(f"/proc/{pid}/status").splitlines()
                 if ":\t" in line)  # fmt: skip
    assert 0 not in map(int, field["Uid"].split() + field["Gid"].split())
    assert int(field["CapBnd"], 16) == 0
    assert field["NoNewPrivs"] == "1"
    assert field["Seccomp"] == "2"


def test_its_exposure_is_low(probe):
    assert exposure(probe, UNIT) < 1.5
