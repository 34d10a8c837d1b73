# SPDX-License-Identifier: MIT
"""The compose file and the manifest for Kubernetes: what they name exists, and they confine the
containers as the tests of the image do. tests/container/run also runs them."""

import tomllib

import pytest
import yaml

from conftest import BUILD, ROOT, VERSION, run

FILES = ROOT / "packaging/container"
DRAIN_S = 10  # timeouts.drain in config/echod.toml


def kubernetes():
    return list(yaml.safe_load_all((FILES / "kubernetes.yaml").read_text()))


def of_kind(documents, kind):
    (found,) = [document for document in documents if document["kind"] == kind]
    return found


def pod(documents):
    return of_kind(documents, "Deployment")["spec"]["template"]


def containers(documents):
    return pod(documents)["spec"]["containers"]


def compose():
    return yaml.safe_load((FILES / "compose.yaml").read_text())


def test_the_default_drain_is_what_the_files_count_with():
    config = tomllib.loads((ROOT / "config/echod.toml").read_text())
    assert config["timeouts"]["drain"] == f"{DRAIN_S}s"


@pytest.mark.parametrize("service", compose()["services"].values(), ids=compose()["services"])
def test_each_service_is_confined_and_of_this_version(service):
    assert service["image"] in (f"localhost/echod:{VERSION}", f"localhost/echoload:{VERSION}")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_compose_file_waits_longer_than_the_daemon_drains():
    assert int(compose()["services"]["echod"]["stop_grace_period"].removesuffix("s")) > DRAIN_S


@pytest.mark.parametrize("container", containers(kubernetes()), ids=lambda each: each["name"])
def test_each_container_is_confined_and_of_this_version(container):
    assert container["image"] == f"localhost/echod:{VERSION}"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_pod_runs_as_the_user_of_the_image_and_has_time_to_drain():
    spec = pod(kubernetes())["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 65532
    assert spec["terminationGracePeriodSeconds"] > DRAIN_S


def test_every_name_in_the_manifest_leads_somewhere():
    documents = kubernetes()
    labels = pod(documents)["metadata"]["labels"]
    assert of_kind(documents, "Deployment")["spec"]["selector"]["matchLabels"] == labels
    service = of_kind(documents, "Service")["spec"]
    assert service["selector"] == labels
    ports = {port["name"] for each in containers(documents) for port in each["ports"]}
    assert {port["targetPort"] for port in service["ports"]} <= ports
    volumes = {volume["name"]: volume for volume in pod(documents)["spec"]["volumes"]}
    mounted = {mount["name"] for each in containers(documents) for mount in each["volumeMounts"]}
    assert mounted == set(volumes)
    config_map = of_kind(documents, "ConfigMap")
    assert volumes["config"]["configMap"]["name"] == config_map["metadata"]["name"]
    assert set(config_map["data"]) == {"echod.toml"}


def test_the_configuration_in_the_manifest_is_valid(tmp_path):
    file = tmp_path / "echod.toml"
    file.write_text(of_kind(kubernetes(), "ConfigMap")["data"]["echod.toml"])
    run(BUILD / "src/echod", "--config", file, "--check-config")
