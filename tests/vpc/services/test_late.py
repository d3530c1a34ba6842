"""Services wait for the id of the cluster."""

import pytest

from k3py.model.vpc_socket import NOT_READY
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.services.late import LateServices
from tests.vpc.bpf.kernel_objects import bpffs
from tests.vpc.services.world import CLUSTER, VPC, service
from tools.build_bpf import build


def test_they_are_opened_when_the_cluster_is_known(tmp_path):
    build()
    cluster = 0
    with bpffs(tmp_path) as place:
        services = LateServices(place / "services", lambda: cluster, lambda rules: None)
        assert services.repair() == []
        with pytest.raises(NetworkProblem, match="not known yet") as caught:
            services.join(10**9, VPC, False)
        assert caught.value.reason == NOT_READY
        assert not (place / "services").exists()
        cluster = CLUSTER
        services.join(10**9, VPC, False)
        services.switch([service(["10.42.0.20"])], {}, [])
        services.leave(10**9)
        (place / "services/links/svc_connect6").unlink()
        assert services.repair() == ["links/svc_connect6"]
        services.close()
        services.close()
        assert len(list((place / "services/links").iterdir())) == 8
