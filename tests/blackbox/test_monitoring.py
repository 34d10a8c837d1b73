# SPDX-License-Identifier: MIT
"""packaging/monitoring: the alert rules by promtool, the dashboard's queries by a real Prometheus."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from echod_daemon import TIMEOUT, clean_environment
from echoload_support import ECHOLOAD
from test_exporter import EXPORTER
from wire import header

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "packaging/monitoring"
RULES = MONITORING / "echod-alerts.yml"
DASHBOARD = json.loads((MONITORING / "echod-dashboard.json").read_text())
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())


def quiet(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_promtool_accepts_the_rules():
    assert f"SUCCESS: {len(ALERTS)} rules found" in quiet("promtool", "check", "rules", RULES)


def test_each_alert_fires_and_clears_in_the_tests_of_promtool():
    tests = Path(__file__).parent / "alerts_test.yml"
    quiet("promtool", "test", "rules", tests)
    text = tests.read_text()
    for alert in ALERTS:
        assert re.search(rf"alertname: {alert}\n +exp_alerts:", text), f"{alert} never fires"
        assert re.search(rf"alertname: {alert}}}", text), f"{alert} is always there"


def test_the_manual_page_explains_each_alert():
    page = (ROOT / "man/echod-exporter.8").read_text()
    section = re.search(r"^\.Sh ALERTS\n(.*?)^\.Sh ", page, re.M | re.DOTALL)[1]
    assert re.findall(r"^\.It Li (\w+)$", section, re.M) == ALERTS


def queries():
    """(panel, expression) of each query, with the variables that Grafana would fill in."""
    values = {"$__rate_interval": "10s", "$instance_name": ".*", "$instance": ".*"}
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in values.items():
                expression = expression.replace(name, value)
            assert "$" not in expression
            yield panel["title"], expression


def test_each_panel_has_a_place_of_its_own_and_an_id():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Prometheus:
    def __init__(self, directory, target):
        self.port = free_port()
        shutil.copy(RULES, directory)
        config = directory / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 500ms, evaluation_interval: 500ms}\n"
            f"rule_files: [{RULES.name}]\n"
            "scrape_configs:\n- job_name: echod\n  static_configs:\n"
            f"  - targets: [127.0.0.1:{target}]\n"
        )
        self.log = (directory / "prometheus.log").open("w")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def get(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return json.load(answer)["data"]

    def wait_for(self, path, predicate, what, **parameters):
        deadline = time.monotonic() + 2 * TIMEOUT
        found = None
        while time.monotonic() < deadline:
            try:
                found = self.get(path, **parameters)
                if predicate(found):
                    return found
            except OSError as error:  # it starts, which takes a second or two
                found = error
            time.sleep(0.2)  # there is no event for a scrape
        raise AssertionError(f"waited for {what}; is {found}")

    def stop(self):
        self.process.terminate()
        self.process.wait(TIMEOUT)
        self.log.close()


@pytest.fixture
def monitored(echod, tmp_path):
    """An echod, an exporter and a Prometheus that scrapes it."""
    runtime = tmp_path / "run"
    (runtime / "echod").mkdir(parents=True)
    daemon = echod(control=runtime / "echod/control.sock")
    exporter = subprocess.Popen(
        [EXPORTER, "--listen", "127.0.0.1:0", "--directory", runtime],
        env=clean_environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    port = re.search(r":(\d+)/metrics", exporter.stderr.readline())[1]
    prometheus = Prometheus(tmp_path, port)
    yield daemon, prometheus
    prometheus.stop()
    exporter.terminate()
    exporter.wait(TIMEOUT)
    exporter.stderr.close()


def test_each_query_of_the_dashboard_has_a_result_under_load(monitored):
    daemon, prometheus = monitored
    load = subprocess.Popen(
        [ECHOLOAD, "-q", "-c", "20", "-R", "500", "-d", "100s", "%s:%d" % daemon.address],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(3):  # so that connections are closed between two scrapes
            with daemon.connect() as client:
                client.echo()
            prometheus.wait_for(
                "query", lambda data: data["result"], "a scrape", query="echod_connections > 0"
            )
        for panel, expression in queries():
            if "closed_total" in expression:
                with daemon.connect() as client:
                    client.echo()
            prometheus.wait_for(
                "query", lambda data: data["result"], f"{panel}: {expression}", query=expression
            )
        (rate,) = prometheus.get("query", query="rate(echod_messages_sent_total[10s])")["result"]
        assert float(rate["value"][1]) > 0
    finally:
        load.kill()
        load.wait()


def test_prometheus_evaluates_the_rules_and_sees_a_refused_configuration(monitored):
    daemon, prometheus = monitored
    daemon.write_config_text("[limits]\nquota_messages = -3\n")
    assert daemon.ask("--reload").returncode == 1
    with daemon.connect() as client:
        client.send(header(5000))
        client.receive_until_eof()
    found = prometheus.wait_for(
        "alerts",
        lambda data: "EchodConfigurationRefused" in {a["labels"]["alertname"] for a in data["alerts"]},
        "the alert",
    )
    assert {alert["labels"]["alertname"] for alert in found["alerts"]} <= {
        "EchodConfigurationRefused", "EchodMetricsMissing",  # the latter before the first scrape
        "EchodDescriptorsShort",  # with the limit of this machine
    }  # fmt: skip
    rules = prometheus.get("rules")["groups"][0]["rules"]
    assert [rule["name"] for rule in rules] == ALERTS
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


def test_node_exporter_reads_a_file_of_the_prometheus_format(echod, tmp_path):
    daemon = echod()
    with daemon.connect() as client:
        client.echo()
    files = tmp_path / "textfile"
    files.mkdir()
    (files / "echod.prom").write_text(daemon.ask("--stats", "prometheus").stdout)
    port = free_port()
    process = subprocess.Popen(
        ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}",
         "--collector.disable-defaults", "--collector.textfile",
         f"--collector.textfile.directory={files}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        text = page_of(port)
    finally:
        process.terminate()
        process.wait(TIMEOUT)
    assert "\nnode_textfile_scrape_error 0\n" in text
    assert "\nechod_messages_sent_total 1\n" in text
    assert '\nechod_turn_seconds_bucket{le="+Inf"} ' in text


def page_of(port):
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            url = f"http://127.0.0.1:{port}/metrics"
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                return answer.read().decode()
        except OSError:  # it starts
            assert time.monotonic() < deadline
            time.sleep(0.05)
