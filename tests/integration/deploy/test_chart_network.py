"""The chart's network policies: by default ports, and where users say so addresses."""

from __future__ import annotations

import pytest

from tests.integration.deploy.chart import RELEASE, rendered
from tests.integration.deploy.manifests import Document, found
from tests.integration.deploy.validity import VERSIONS, validate

BLOCK = {"ipBlock": {"cidr": "10.0.3.0/24", "except": ["10.0.3.9/32"]}}
BOUNCER = {"podSelector": {"matchLabels": {"component": "pgbouncer"}}}
SERVERS = {"ipBlock": {"cidr": "2001:db8::1/128"}}
NAMES = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}


def policies(**given: object) -> tuple[Document, Document]:
    """Return the policies of the roles db and node."""
    made = rendered({"node": {"enabled": True}, "networkPolicy": given})
    return found(made, "NetworkPolicy", RELEASE), found(made, "NetworkPolicy", f"{RELEASE}-node")


@pytest.mark.parametrize("version", VERSIONS)
def test_each_role_goes_where_it_is_let_and_nowhere_else(version: str) -> None:
    db, node = policies(databases=[BLOCK, BOUNCER], apiServers=[SERVERS], nameServers=[NAMES])
    for each, to, ports in ((db, [BLOCK, BOUNCER], [5432, 6543]), (node, [SERVERS], [443, 6443])):
        validate(each, version)
        names, goal = each["spec"]["egress"]
        assert names["to"] == [NAMES]
        assert goal == {"ports": [{"port": one} for one in ports], "to": to}


def test_nowhere_is_never_what_an_empty_list_means() -> None:
    # Kubernetes takes an empty `to` for everywhere: it is left out, as it reads.
    for each in policies():
        assert [rule.keys() for rule in each["spec"]["egress"]] == [{"ports"}, {"ports"}]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"databases": [{}]}, "networkPolicy.databases.0"),
        ({"databases": [{"ipBlock": {"cidr": "10.0.0.1"}}]}, "networkPolicy.databases.0.ipBlock"),
        ({"databases": [{**BLOCK, **BOUNCER}]}, "networkPolicy.databases.0"),
        ({"apiServers": [{"ipBlock": {}}]}, "cidr is required"),
        ({"nameServers": ["10.0.0.10"]}, "networkPolicy.nameServers.0"),
        ({"databases": None}, "databases is required"),
    ],
)
def test_a_destination_that_makes_no_sense_is_refused(given: Document, refused: str) -> None:
    with pytest.raises(AssertionError, match=refused):
        policies(**given)
